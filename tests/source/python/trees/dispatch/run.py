# entry: run
"""Calls through values: callbacks, tables, partial, decorators, objects that nobody knows."""

import functools
import threading
from functools import partial

import torch


def handed(x: torch.Tensor):
    return x.item()  #! d2h yes forbidden


def apply(function, x):
    return function(x)


def bound(scale, x: torch.Tensor):
    return x.tolist()  #! d2h yes forbidden


def first(x: torch.Tensor):
    return x.cpu()  #! d2h maybe forbidden


def second(x: torch.Tensor):
    return x.nonzero()  #! sync maybe forbidden


def kept(x: torch.Tensor):
    return torch.unique(x)  #! sync yes forbidden


TABLE = {"first": first, "second": second}


class Backend:
    def launch(self, x: torch.Tensor):
        return x.item()  #! d2h maybe forbidden

    def never_called_by_anybody(self, x: torch.Tensor):
        return x.item()  #! d2h no harmless


class One:
    def plan(self, x: torch.Tensor):
        return x.cpu()  #! d2h maybe forbidden


class Two(One):
    def plan(self, x: torch.Tensor):
        return x.tolist()  #! d2h maybe forbidden


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        torch.cuda.synchronize()  #! sync yes forbidden
        return function(*args, **kwargs)

    return wrapper


@logged
def decorated(x: torch.Tensor):
    return x.argwhere()  #! sync yes forbidden


def watch(x: torch.Tensor):
    x.item()  #! d2h maybe forbidden


def registered(x: torch.Tensor):
    return x.item()  #! d2h maybe forbidden


REGISTRY = {}


def register(name: str):
    def put(cls):
        REGISTRY[name] = cls
        return cls

    return put


@register("wide")
class Wide:
    def apply(self, x: torch.Tensor):
        return x.tolist()  #! d2h maybe forbidden


@register("narrow")
class Narrow:
    def apply(self, x: torch.Tensor):
        return x.item()  #! d2h maybe forbidden


class Apart:
    def apply_otherwise(self, x: torch.Tensor):
        return x.item()  #! d2h no harmless


class Modes:
    def __init__(self, mode: str):
        self.mode = mode

    def run_first(self, x: torch.Tensor):
        return x.item()  #! d2h maybe forbidden

    def run_second(self, x: torch.Tensor):
        return x.cpu()  #! d2h maybe forbidden

    def stop_first(self, x: torch.Tensor):
        return x.item()  #! d2h no harmless

    def __call__(self, x: torch.Tensor):
        return getattr(self, f"run_{self.mode}")(x)


def choose(kind: str):
    return TABLE[kind]


def run(x: torch.Tensor, kind: str, backend, plan: One):
    apply(handed, x)
    apply(lambda y: y.sum().item(), x)  #! d2h yes forbidden
    again = partial(bound, 2.0)
    again(x)
    TABLE[kind](x)
    {"kept": kept}["kept"](x)
    backend.launch(x)
    plan.plan(x)
    decorated(x)
    REGISTRY[kind]().apply(x)
    Modes(kind)(x)
    threading.Thread(target=watch, args=(x,)).start()
    backend.on_done(registered)

    def inner():
        return x.max().item()  #! d2h yes forbidden

    def unused():
        return x.max().item()  #! d2h no harmless

    inner()
    rows = [each.item() for each in x]  #! d2h yes forbidden
    return list(map(int, x)), rows  #! d2h yes forbidden
