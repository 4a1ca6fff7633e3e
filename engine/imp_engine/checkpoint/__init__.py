"""Hugging Face checkpoint directories: read, checked before anything is allocated, streamed to a device.

>>> from imp_engine.checkpoint import Checkpoint
>>> Checkpoint.open("tests/checkpoints/qwen3-tiny").config.family
'qwen3'
"""

from imp_engine.checkpoint.directory import Checkpoint
from imp_engine.checkpoint.random_weights import fill_with_noise
from imp_engine.checkpoint.weights import check_weights, load_weights

__all__ = ["Checkpoint", "check_weights", "fill_with_noise", "load_weights"]
