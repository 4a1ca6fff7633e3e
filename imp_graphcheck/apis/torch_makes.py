"""Which calls of CUDA a call of torch or thrust is made of: by the class that reading its source gives it.

`x.item()` is read as one site, and a trace shows a copy to the host and a wait at its line: they are the same.
"""

from imp_graphcheck.apis.catalogue import find_call
from imp_graphcheck.record.audit import CallClass

_MAKES: dict[CallClass, tuple[CallClass, ...]] = {
    "d2h": ("d2h", "sync"),
    "h2d": ("h2d", "sync"),
    "d2d": ("d2d",),
    # The size of a result (nonzero, a mask) is copied to the host and waited for.
    "sync": ("sync", "d2h"),
    "query": ("query",),
    "alloc": ("alloc",),
    "free": ("free", "sync"),
    "handle": ("handle",),
    "memset": ("memset",),
    "xstream": ("xstream",),
    "callback": ("callback",),
}
_WAITS = ("synchronize", "wait")
"""How the names of calls end that wait, and copy nothing."""
_TEMPORARY: tuple[CallClass, ...] = ("alloc", "free")
"""What thrust takes and gives back besides."""


def made_by(api: str, kind: CallClass) -> tuple[CallClass, ...]:
    """The classes of the calls that `api`, which was read as `kind`, is made of; the one that counts it comes first.

    Empty for a function of CUDA itself, which is made of nothing else.
    """
    if find_call(api) is not None:
        return ()
    if kind == "sync" and api.endswith(_WAITS):
        return ("sync",)
    made = _MAKES[kind]
    extra = _TEMPORARY if api.startswith("thrust::") else ()
    return (*made, *(each for each in extra if each not in made))
