"""Persistent state: set back in place, compared byte for byte."""

import torch

from imp_graphcheck.capture.state import compare, restore, snapshot


def test_restore_writes_in_place() -> None:
    tensor = torch.arange(6.0)
    before = tensor.data_ptr()
    saved = snapshot({"cache": tensor})
    tensor.fill_(-1)
    restore({"cache": tensor}, saved)
    assert tensor.tolist() == [0, 1, 2, 3, 4, 5]
    assert tensor.data_ptr() == before


def test_snapshot_is_a_copy_even_of_host_tensors() -> None:
    tensor = torch.zeros(3)
    saved = snapshot({"cache": tensor})
    tensor.fill_(1)
    assert saved["cache"].tolist() == [0, 0, 0]


def test_views_are_restored_and_nothing_beside_them() -> None:
    whole = torch.arange(10.0)
    view = whole[2:8:2]
    saved = snapshot({"view": view})
    whole.fill_(-1)
    restore({"view": view}, saved)
    assert whole.tolist() == [-1, -1, 2, -1, 4, -1, 6, -1, -1, -1]


def test_comparison_counts_bytes_and_names_the_first() -> None:
    base = {"a": torch.zeros(4, dtype=torch.int32), "b": torch.ones(2)}
    test = {"a": torch.tensor([0, 0, 0x01000001, 0], dtype=torch.int32), "b": torch.ones(2)}
    a, b = compare(base, test, sweep=1)
    assert (a.bytes_total, a.bytes_different, a.first_difference, a.sweep) == (16, 2, 8, 1)
    assert (b.bytes_different, b.first_difference) == (0, None)


def test_nan_equals_itself_bit_for_bit() -> None:
    nan = {"a": torch.tensor([float("nan")])}
    (same,) = compare(nan, snapshot(nan), sweep=0)
    assert same.bytes_different == 0
