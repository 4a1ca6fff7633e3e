"""Names of the places that hold tensors."""

import functools
import types
from collections import deque
from collections.abc import Iterator, Mapping

import torch

from imp_graphcheck.target.owners import MAX_DEPTH, owners


class Slotted:
    __slots__ = ("table",)

    def __init__(self, table: torch.Tensor) -> None:
        self.table = table


class Cache:
    shared: torch.Tensor | None = None


class Lazy(Mapping[str, torch.Tensor]):
    """Whoever looks into it is in for a surprise."""

    def __getitem__(self, name: str) -> torch.Tensor:
        raise OSError("the file is closed")

    def __iter__(self) -> Iterator[str]:
        raise OSError("the file is closed")

    def __len__(self) -> int:
        return 1


class Surprising(dict[object, torch.Tensor]):
    def items(self) -> object:  # type: ignore[override]
        raise AssertionError("called")

    @property
    def table(self) -> torch.Tensor:
        raise AssertionError("called")


class Key:
    def __repr__(self) -> str:
        raise AssertionError("called")


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


def test_queues_caches_and_bound_arguments() -> None:
    @functools.cache
    def cached(rows: int) -> torch.Tensor:
        return torch.zeros(rows)

    @functools.lru_cache(maxsize=4)
    def cached_few(rows: int) -> torch.Tensor:
        return torch.zeros(rows)

    def stored(known: torch.Tensor = torch.zeros(1), *, more: dict[int, torch.Tensor] = {}) -> None:  # noqa: B006, B008
        more[1] = known

    held = {cached(1).data_ptr(), cached_few(2).data_ptr()}
    stored()
    found = owners({"cached": cached, "cached_few": cached_few})
    assert {owner.address for owner in found} == held
    assert names(
        queue=deque([torch.zeros(1)]),
        bound=functools.partial(torch.mul, torch.zeros(1), other=torch.zeros(1)),
        stored=stored,
    ) == {"queue[0]", "bound.args[0]", "bound.keywords['other']", "stored.known", "stored.more[1]"}


def test_nothing_is_called() -> None:
    program = types.SimpleNamespace(
        lazy=Lazy(), surprising=Surprising({"a": torch.zeros(1)}), keyed={Key(): torch.zeros(1)}
    )
    assert names(self=program) == {"self.surprising['a']", "self.keyed[Key 0]"}


def test_a_long_way_does_not_hide_what_a_short_one_reaches() -> None:
    model = types.SimpleNamespace(inner=types.SimpleNamespace(table=torch.zeros(1)))
    chain = first = types.SimpleNamespace()
    for _ in range(MAX_DEPTH - 2):
        chain.next = types.SimpleNamespace()
        chain = chain.next
    chain.model = model
    assert "model.inner.table" in names(chain=first, model=model)


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
