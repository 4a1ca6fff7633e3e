"""Cells of recurrent networks. torch asks a GPU for them as one kernel each, and has none for the host."""

import torch


def gru_cell(
    input_gates: torch.Tensor,
    hidden_gates: torch.Tensor,
    hidden: torch.Tensor,
    input_bias: torch.Tensor | None = None,
    hidden_bias: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The new hidden state, and room for what a backward pass would need."""
    reset_in, update_in, new_in = _biased(input_gates, input_bias).chunk(3, 1)
    reset_hidden, update_hidden, new_hidden = _biased(hidden_gates, hidden_bias).chunk(3, 1)
    reset, update = (reset_in + reset_hidden).sigmoid(), (update_in + update_hidden).sigmoid()
    new = (new_in + reset * new_hidden).tanh()
    return (hidden - new) * update + new, _room(hidden, 5)


def lstm_cell(
    input_gates: torch.Tensor,
    hidden_gates: torch.Tensor,
    cell: torch.Tensor,
    input_bias: torch.Tensor | None = None,
    hidden_bias: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The new hidden state and cell, and room for what a backward pass would need."""
    gates = _biased(input_gates, input_bias) + _biased(hidden_gates, hidden_bias)
    write, forget, new, read = gates.chunk(4, 1)
    now = forget.sigmoid() * cell + write.sigmoid() * new.tanh()
    return read.sigmoid() * now.tanh(), now, _room(cell, 4)


def _biased(gates: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return gates if bias is None else gates + bias


def _room(like: torch.Tensor, parts: int) -> torch.Tensor:
    return like.new_empty(like.shape[0], parts * like.shape[1])
