"""Pinned host memory: whose it is, and when it goes back."""

from typing import Any

import pytest
import torch

from imp_graphcheck.device.cuda.bindings import BindingsDriver
from imp_graphcheck.device.cuda.driver_memory import DriverMemory
from imp_graphcheck.record.memory import Allocation

HOST = 1


@pytest.fixture
def memory(bindings: Any, monkeypatch: pytest.MonkeyPatch) -> DriverMemory:
    """A driver to which every tensor of the host is pinned."""
    monkeypatch.setattr(torch.Tensor, "is_pinned", lambda self: True)
    return DriverMemory(BindingsDriver(bindings, "13.3.1"))


def generation(memory: DriverMemory, address: int, before: int | None = None) -> int:
    life = memory.owner(address, memory.region(address), before)
    assert life is not None
    return life.generation


def now(memory: DriverMemory, number: int) -> Allocation:
    found = memory.now(number)
    assert found is not None
    return found


def test_a_block_that_was_never_shown_lives_as_long_as_the_driver_knows_it(
    bindings: Any, memory: DriverMemory
) -> None:
    bindings.regions = [(4096, 512, 9, HOST)]
    number = generation(memory, 4100)
    assert generation(memory, 4097) == number
    found = now(memory, number)
    assert (found.space, found.pool, found.state, found.address) == ("pinned", "pinned", "live", 4096)
    bindings.regions = []
    assert now(memory, number).state == "unmapped"


def test_a_tensor_that_was_shown_is_followed_to_its_end(bindings: Any, memory: DriverMemory) -> None:
    tensor = torch.zeros(64)
    view, address = tensor[8:], tensor.data_ptr()
    bindings.regions = [(address, 512, 9, HOST)]
    memory.observe([view, "no tensor", None])
    memory.observe([tensor])
    number = generation(memory, view.data_ptr())
    assert (now(memory, number).state, now(memory, number).address) == ("live", address)
    del tensor
    assert now(memory, number).state == "live", "a view still holds it"
    del view
    found = now(memory, number)
    assert (found.state, found.allocation_site) == ("freed", None)
    assert found.free_site is not None
    assert found.free_site.file == __file__


def test_the_line_that_made_it(bindings: Any, memory: DriverMemory) -> None:
    tensor = torch.zeros(64)
    memory.observe([tensor], created=True)
    site = now(memory, generation(memory, tensor.data_ptr())).allocation_site
    assert site is not None
    assert site.file == __file__


def test_a_block_that_is_handed_out_again(bindings: Any, memory: DriverMemory) -> None:
    buffer = bytearray(4096)
    first = torch.frombuffer(buffer, dtype=torch.uint8)
    address = first.data_ptr()
    memory.observe([first], mark=1)
    number = generation(memory, address)
    del first
    second = torch.frombuffer(buffer, dtype=torch.uint8)
    memory.observe([second], mark=7)
    assert generation(memory, address) != number
    assert generation(memory, address, before=5) == number, "a node from then"
    assert now(memory, number).state in ("freed", "unmapped")


def test_what_nobody_knows(memory: DriverMemory) -> None:
    assert memory.owner(4096, memory.region(4096)) is None
    assert memory.now(-1) is None
