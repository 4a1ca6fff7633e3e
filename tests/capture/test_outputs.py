"""Outputs are flattened in a fixed order, copied, and checked for the poison."""

import torch

from imp_graphcheck.capture.outputs import still_poisoned, tensors_of, to_host


def test_nested_outputs_are_flattened_in_order() -> None:
    a, b, c = torch.zeros(1), torch.ones(1), torch.full((1,), 2.0)
    output = {"x": [a, (b, None, "text")], "y": c}
    assert [id(tensor) for tensor in tensors_of(output)] == [id(a), id(b), id(c)]


def test_no_output_is_no_tensor() -> None:
    assert tensors_of(None) == []
    assert to_host([]) == ()


def test_host_copies_do_not_share_memory() -> None:
    tensor = torch.zeros(2)
    (copy,) = to_host(tensor)
    tensor.fill_(1)
    assert copy.tolist() == [0, 0]


def test_poison_is_all_bytes_or_nothing() -> None:
    tensor = torch.empty(3, 2)
    tensor.view(torch.uint8).fill_(0xFF)
    assert still_poisoned(tensor)
    assert still_poisoned(tensor.t())
    tensor[2, 1] = 0.5
    assert not still_poisoned(tensor)
    assert not still_poisoned(torch.empty(0))


def test_poisoned_integers_and_booleans() -> None:
    assert still_poisoned(torch.full((4,), -1, dtype=torch.int64))
    assert not still_poisoned(torch.ones(4, dtype=torch.bool))
