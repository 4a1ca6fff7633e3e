# entry: pkg.main:run
import torch as th

import pkg.ops.norms as n
from pkg import clip as cut
from pkg.lazy import Found
from pkg.ops import normal

from .ops.norms import same_name
from .other import Helper as H


def run(x: th.Tensor):
    from .late import late

    cut(x)
    normal.normal(x)
    n.normal(x)
    same_name(x)
    H().read(x)
    Found().read(x)
    late(x)
    return th.nonzero(x)  #! sync yes forbidden
