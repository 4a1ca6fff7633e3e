from . import norms as normal
from .clipping import clip

try:
    import fast_ops
except ImportError:
    fast_ops = None
