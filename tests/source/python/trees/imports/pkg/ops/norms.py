from torch import Tensor


def normal(x: Tensor) -> Tensor:
    return x[x > 0]  #! sync yes forbidden


def same_name(x: Tensor):
    return x.item()  #! d2h yes forbidden
