"""A tensor over device memory by address, through the interface that CUDA libraries hand arrays around with."""

from typing import Any

import torch

from imp_graphcheck.device.place import Place


class _Bytes:
    """Device memory as an array of bytes (`__cuda_array_interface__`, version 3): bytes have a type name, bfloat16 has none."""

    def __init__(self, address: int, size_bytes: int) -> None:
        self.__cuda_array_interface__: dict[str, Any] = {
            "shape": (size_bytes,),
            "typestr": "|u1",
            "data": (address, False),
            "version": 3,
            # Whoever asks has waited for the device: nobody else needs to.
            "stream": None,
        }


def tensor_over(place: Place) -> torch.Tensor:
    """A tensor of that layout at that address, which owns nothing."""
    if not place.span_bytes:
        return torch.empty_strided(place.shape, place.strides, dtype=place.dtype, device="cuda")
    whole = torch.as_tensor(_Bytes(place.address, place.span_bytes), device="cuda")
    return whole.view(place.dtype).as_strided(place.shape, place.strides)
