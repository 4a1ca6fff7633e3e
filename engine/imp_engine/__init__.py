"""The reference inference engine. It knows nothing of the tool that checks it.

Read it in this order: `engine`, `prefill`, `batch`, `models/qwen3`, `layers/`, `graph_runner`.

    >>> from imp_engine import Engine
    >>> logits = Engine.from_shape("qwen3-moe-tiny").prefill([1, 2, 3])
    >>> logits.shape
    torch.Size([512])
"""

from imp_engine.config import ModelConfig
from imp_engine.engine import Engine
from imp_engine.engine_config import EngineConfig
from imp_engine.errors import CheckpointError, ConfigError, EngineError, GraphError, RequestError
from imp_engine.graph import CapturedGraph
from imp_engine.graph_key import GraphKey, Phase
from imp_engine.graph_runner import GraphRunner
from imp_engine.hooks import Hooks
from imp_engine.runner import EagerRunner
from imp_engine.sampling import SamplingParams
from imp_engine.shapes import SHAPES

__all__ = [
    "SHAPES",
    "CapturedGraph",
    "CheckpointError",
    "ConfigError",
    "EagerRunner",
    "Engine",
    "EngineConfig",
    "EngineError",
    "GraphError",
    "GraphKey",
    "GraphRunner",
    "Hooks",
    "ModelConfig",
    "Phase",
    "RequestError",
    "SamplingParams",
]
