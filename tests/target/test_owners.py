"""Names of the places that hold tensors."""

import types

import torch

from imp_graphcheck.target.owners import owners


class Slotted:
    __slots__ = ("table",)

    def __init__(self, table: torch.Tensor) -> None:
        self.table = table


class Cache:
    shared: torch.Tensor | None = None


def names(**roots: object) -> set[str]:
    return {owner.name for owner in owners(roots)}


def test_attributes_containers_closures_slots_and_modules() -> None:
    held = torch.zeros(2)

    def closure() -> torch.Tensor:
        return held

    program = types.SimpleNamespace(
        table=torch.zeros(1),
        caches={"slots": [torch.zeros(1), (torch.zeros(1),)]},
        slotted=Slotted(torch.zeros(1)),
        net=torch.nn.Linear(2, 2),
        step=closure,
    )
    assert names(self=program) >= {
        "self.table",
        "self.caches['slots'][0]",
        "self.caches['slots'][1][0]",
        "self.slotted.table",
        "self.net.weight",
        "self.net.bias",
        "self.step.held",
    }


def test_class_attributes_of_the_program() -> None:
    Cache.shared = torch.zeros(1)
    try:
        assert "Cache.shared" in names(Cache=Cache)
    finally:
        Cache.shared = None


def test_cycles_and_depth_end() -> None:
    a = types.SimpleNamespace()
    a.me, a.table = a, torch.zeros(1)
    assert names(a=a) == {"a.table"}


def test_views_are_known_by_their_storage() -> None:
    whole = torch.zeros(8)
    (owner,) = owners({"view": whole[4:]})
    assert owner.address == whole.data_ptr()


def test_libraries_are_not_entered() -> None:
    assert owners({"torch": torch, "linear": torch.nn.Linear, "number": 3, "nothing": None}) == ()
