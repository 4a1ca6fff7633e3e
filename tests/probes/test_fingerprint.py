"""A few numbers tell any two contents apart that a mistake could make, on either device, and wait for nobody."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imp_graphcheck.device import Device
from imp_graphcheck.device.place import place_of
from imp_graphcheck.device.sim import current_gpu
from imp_graphcheck.probes.fingerprint import fingerprint, read

TYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int8,
    torch.uint8,
    torch.int32,
    torch.int64,
    torch.bool,
    torch.complex64,
    torch.float8_e4m3fn,
]


def marks(*tensors: torch.Tensor) -> list[object]:
    return list(read([fingerprint(tensor) for tensor in tensors]))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4), (2, 3, 5)], ids=str)
def test_one_changed_element_shows(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = torch.ones(shape).to(dtype)
    changed = tensor.clone()
    changed.view(-1)[-1] = 0
    same, other = marks(tensor.clone(), changed)
    assert marks(tensor) == [same]
    assert same != other


@given(st.integers(2, 12), st.integers(1, 12), st.data())
@settings(max_examples=60, deadline=None)
def test_rows_or_elements_that_changed_places_show(rows: int, columns: int, data: st.DataObject) -> None:
    torch.manual_seed(rows * 100 + columns)
    table = torch.randn(rows, columns)
    a = data.draw(st.integers(0, table.numel() - 1))
    b = data.draw(st.integers(0, table.numel() - 1))
    moved = table.clone().view(-1)
    moved[a], moved[b] = table.view(-1)[b], table.view(-1)[a]
    swapped = table[[1, 0, *range(2, rows)]]
    one, two, three = marks(table, moved.view(rows, columns), swapped)
    assert (one == two) is (a == b)
    assert one != three


def test_the_layout_in_memory_does_not_matter() -> None:
    table = torch.randn(5, 6)
    assert len(set(marks(table, table.t().contiguous().t(), table.repeat(1, 2)[:, :6]))) == 1


def test_numbers_for_the_reader() -> None:
    (mark,) = read([fingerprint(torch.tensor([1.0, -3.0, math.nan, math.inf]))])
    assert mark is not None
    assert (mark.largest, mark.mean, mark.nonfinite) == (3.0, 1.0, 2)


def test_what_was_not_looked_at() -> None:
    print_ = fingerprint(torch.ones(2))
    assert read([]) == []
    assert read([None]) == [None]
    first, second, third = read([print_, None, print_])
    assert second is None
    assert first == third


def test_the_same_on_the_device_without_waiting(device: Device) -> None:
    table = torch.randn(6, 8)
    on_device = table.to(device.torch_device)
    with current_gpu().trace.recording() as calls:
        found = fingerprint(on_device)
    names = {call.name for call in calls}
    assert "cudaLaunchKernel" in names
    assert not [name for name in names if "Synchronize" in name or "Memcpy" in name]
    assert read([found]) == marks(table)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.int64], ids=str)
def test_a_tensor_made_by_address_is_the_same_memory(device: Device, dtype: torch.dtype) -> None:
    table = torch.arange(12.0).view(3, 4).to(dtype).to(device.torch_device)
    place = place_of(table.t())
    again = device.tensor_at(place)
    assert (again.shape, again.stride(), again.dtype) == ((4, 3), (1, 4), dtype)
    assert again.data_ptr() == table.data_ptr()
    assert marks(again) == marks(table.t())
    del again
    assert marks(table) == marks(table.clone())
    assert place.span_bytes == 12 * dtype.itemsize


def test_apart_takes_no_block_of_the_program(device: Device) -> None:
    freed = torch.ones(64, device=device.torch_device)
    address = freed.data_ptr()
    del freed
    with device.apart():
        ours = torch.ones(64, device=device.torch_device)
        assert ours.data_ptr() != address
    again = torch.ones(64, device=device.torch_device)
    assert again.data_ptr() == address
