"""Persistent state: set back in place, compared byte for byte."""

import torch

from imp_graphcheck.capture.state import compare, restore, snapshot
from imp_graphcheck.device import Device


def test_restore_writes_in_place(device: Device) -> None:
    tensor = torch.arange(6.0)
    before = tensor.data_ptr()
    saved = snapshot(device, {"cache": tensor})
    tensor.fill_(-1)
    restore({"cache": tensor}, saved)
    assert tensor.tolist() == [0, 1, 2, 3, 4, 5]
    assert tensor.data_ptr() == before


def test_snapshot_is_a_copy_even_of_host_tensors(device: Device) -> None:
    tensor = torch.zeros(3)
    saved = snapshot(device, {"cache": tensor})
    tensor.fill_(1)
    assert saved["cache"].tolist() == [0, 0, 0]


def test_views_are_restored_and_nothing_beside_them(device: Device) -> None:
    whole = torch.arange(10.0)
    view = whole[2:8:2]
    saved = snapshot(device, {"view": view})
    whole.fill_(-1)
    restore({"view": view}, saved)
    assert whole.tolist() == [-1, -1, 2, -1, 4, -1, 6, -1, -1, -1]


def test_comparison_counts_bytes_and_names_the_first(device: Device) -> None:
    base = {"a": torch.zeros(4, dtype=torch.int32), "b": torch.ones(2)}
    test = {"a": torch.tensor([0, 0, 0x01000001, 0], dtype=torch.int32), "b": torch.ones(2)}
    a, b = compare(device, base, test, sweep=1)
    assert (a.bytes_total, a.bytes_different, a.first_difference, a.sweep) == (16, 2, 8, 1)
    assert (b.bytes_different, b.first_difference) == (0, None)


def test_nan_equals_itself_bit_for_bit(device: Device) -> None:
    nan = {"a": torch.tensor([float("nan")], device="sim")}
    (same,) = compare(device, snapshot(device, nan), nan, sweep=0)
    assert same.bytes_different == 0


def test_what_is_known_already_is_not_copied_again(device: Device) -> None:
    state = {"same": torch.zeros(3, device="sim"), "other": torch.zeros(3, device="sim")}
    first = snapshot(device, state)
    state["other"].fill_(1)
    second = snapshot(device, state, like=first)
    assert second["same"] is first["same"]
    assert second["other"].tolist() == [1, 1, 1]
    assert first["other"].tolist() == [0, 0, 0]
