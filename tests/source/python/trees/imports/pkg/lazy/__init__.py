import sys


class _Lazy:
    """Fills its names when they are asked for."""


sys.modules[__name__] = _Lazy()
