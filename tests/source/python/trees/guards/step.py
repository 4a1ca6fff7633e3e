# entry: Step.__call__
"""Conditions: what holds only once, only sometimes, or never while a graph is captured."""

import functools
import logging
import os
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    pass

logger = logging.getLogger(__name__)
CHECK = os.environ.get("STEP_CHECK", "0") == "1"
FAST = os.getenv("STEP_FAST", "1") == "1"
DEBUG = False
_is_hip = torch.version.hip is not None
_cache = {}
_table = None


def is_rocm():
    return torch.version.hip is not None


def enabled(name: str, default: str = "false") -> bool:
    value = os.getenv(name, default)
    return value.lower() in ("true", "1")


@functools.lru_cache(maxsize=None)
def constants():
    return torch.tensor([1.0, 2.0], device="cuda")  #! h2d yes forbidden


@functools.cache
def constants_of(n: int):
    return torch.tensor([1.0] * n, device="cuda")  #! h2d yes forbidden


def table():
    global _table
    if _table is None:
        _table = torch.tensor([1.0], device="cuda")  #! h2d yes forbidden
    return _table


class Step:
    def __init__(self):
        self.buffer = None
        self.size = 0
        self.is_ready = False
        self.is_npu = os.cpu_count() > 3

    def grow(self, n: int):
        if self.size < n:
            self.size = n
            self.buffer = torch.tensor([0.0] * n, device="cuda")  #! h2d yes forbidden
        return self.buffer

    def prepare(self):
        if self.is_ready:
            return
        torch.cuda.synchronize()  #! sync yes forbidden
        self.is_ready = True

    def __call__(self, x: torch.Tensor, key: int):
        if CHECK:
            x.item()  #! d2h maybe forbidden
        if FAST:
            x.tolist()  #! d2h yes forbidden
        else:
            x.cpu()  #! d2h maybe forbidden
        if enabled("STEP_DUMP"):
            torch.cuda.synchronize()  #! sync maybe forbidden
        if DEBUG:
            print(x)  #! d2h maybe harmless
        if logger.isEnabledFor(logging.DEBUG):
            x.item()  #! d2h maybe harmless
        if not torch.cuda.is_current_stream_capturing():
            torch.cuda.synchronize()  #! sync maybe harmless
        if torch.cuda.is_current_stream_capturing():
            x.argwhere()  #! sync yes forbidden
        if is_rocm():
            x.item()  #! d2h no harmless
        if _is_hip:
            x.item()  #! d2h no harmless
        if x.device.type == "cpu":
            x.item()  #! d2h no harmless
        if self.is_npu:
            x.item()  #! d2h no harmless
        if x.is_cuda:
            x.item()  #! d2h yes forbidden
        if TYPE_CHECKING:
            x.item()  #! d2h no harmless
        try:
            y = _cache[key]
        except KeyError:
            y = _cache[key] = torch.tensor([key], device="cuda")  #! h2d ? ?
        except RuntimeError:
            y = x.cpu()  #! d2h maybe harmless
        if key not in _cache:
            _cache[key] = torch.tensor([key], device="cuda")  #! h2d yes forbidden
        if not hasattr(self, "once"):
            self.once = x.tolist()  #! d2h yes forbidden
        if x.shape[0] == 0:
            raise ValueError(f"empty: {x.sum().item()}")  #! d2h maybe harmless
        found = {}
        if found.get("image") is None:
            found["image"] = x.tolist()  #! d2h yes forbidden
        constants()
        constants_of(key)
        table()
        self.grow(key)
        self.prepare()
        if x.shape[0] > 3:
            return x
        assert x.shape[0], x.item()  #! d2h maybe harmless
        return y.sum().item()  #! d2h yes forbidden
