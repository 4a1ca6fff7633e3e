"""A model of the reference engine as a program: requests of different lengths, cut into prefill chunks."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

import torch

from imp_engine.checkpoint import Checkpoint
from imp_engine.decode import DecodeBatch
from imp_engine.engine import Engine, Step
from imp_engine.engine_config import EngineConfig
from imp_engine.errors import EngineError
from imp_engine.graph import Output
from imp_engine.graph_runner import GraphRunner
from imp_engine.kv_cache import NULL_BLOCK
from imp_engine.prefill import PrefillChunk
from imp_engine.sequence import Sequence
from imp_engine.shapes import named_shape
from imp_graphcheck.device import Device
from imp_graphcheck.errors import UsageError
from imp_graphcheck.faults import engine_faults
from imp_graphcheck.record.run import Target as TargetRecord
from imp_graphcheck.target.program import Call, Fact

BLOCK_SIZE = 16
LOGIT_ROWS = 16
"""Rows of each chunk whose logits are compared. All other rows show in the KV cache, which is compared byte for byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """`requests` prompts of up to `prompt_tokens`, in chunks of `chunk_tokens`, then `decode_tokens` decode steps."""

    prompt_tokens: int
    chunk_tokens: int
    requests: int
    decode_tokens: int
    seed: int

    @property
    def longest(self) -> int:
        """Tokens of the longest request, generated ones included."""
        return self.prompt_tokens + self.decode_tokens

    def blocks(self) -> int:
        """Pages for all requests at once, and the null block. The cache is set back and compared: no page too many."""
        return 1 + sum(-(-(length + self.decode_tokens) // BLOCK_SIZE) for length in self.prompt_lengths())

    def prompt_lengths(self) -> list[int]:
        """Short, long, middle, and round again: both directions of change, and a chunk that needs padding.

        The middle length ends in a partial chunk of about a quarter, five tokens short of it.
        """
        longest, chunk = self.prompt_tokens, self.chunk_tokens
        short = max(1, longest // 4)
        middle = (
            min(longest, max(1, longest // 2 - 3 * chunk // 4 - 5))
            if longest > chunk
            else max(1, longest - 5)
        )
        if self.requests == 1:
            return [longest]
        return [(short, longest, middle)[number % 3] for number in range(self.requests)]


class EngineProgram:
    """The engine, driven step by step, with the mistakes of imp's history put back that `fault` names."""

    independent_requests = True

    def __init__(
        self,
        model: str,
        kind: Literal["checkpoint", "shape"],
        workload: Workload,
        *,
        dtype: str | None,
        seed: int,
        fault: str | None,
    ) -> None:
        self._model, self._kind, self._workload, self._seed = model, kind, workload, seed
        self._dtype = None if dtype is None else getattr(torch, dtype)
        self._faults = () if fault is None else engine_faults(fault)
        self._patches = ExitStack()
        self._engine: Engine
        self._calls: tuple[Call, ...] = ()

    def load(self, device: Device, capture_mode: str) -> TargetRecord:
        try:
            self._require_room()
            runner = GraphRunner(device.torch_device, capture_mode=capture_mode)
            self._engine = self._built(device, runner)
            for fault in self._faults:
                self._patches.enter_context(fault.applied(self._engine))
            self._calls = self._planned()
        except EngineError as error:
            raise UsageError(
                error.message, hint=error.hint or f"{self._model} cannot be used as it is"
            ) from error
        except torch.OutOfMemoryError as error:
            raise UsageError(
                f"{self._model} does not fit: {next(iter(str(error).splitlines()))}",
                hint="try a smaller model, --pp or --requests, or --dtype bfloat16",
            ) from error
        return TargetRecord(
            name=Path(self._model).resolve().name if self._kind == "checkpoint" else self._model,
            kind=self._kind,
            device=device.kind,
            dtype=str(self._engine.dtype).removeprefix("torch."),
            detail=self._detail(),
        )

    @property
    def runner(self) -> GraphRunner:
        return self._engine.graph_runner

    @property
    def calls(self) -> tuple[Call, ...]:
        return self._calls

    def prewarm(self) -> str:
        self._engine.prewarm()
        return "library handles and lazy kernels, on the capture stream too"

    def prepare(self, call: Call) -> None:
        self._engine.stage(call.payload)

    def forward(self, call: Call) -> Output:
        return self._engine.forward(call.key)  # type: ignore[arg-type]

    def between(self, call: Call) -> None:
        """The engine does nothing between two steps."""

    def state(self) -> Mapping[str, torch.Tensor]:
        # The null block takes the writes of padding rows, whose order is nobody's promise.
        return {name: tensor[NULL_BLOCK + 1 :] for name, tensor in self._engine.kv_cache.named_tensors()}

    def padding(self, call: Call) -> Mapping[str, torch.Tensor]:
        # The other inputs of a padding row say where it may write and look: they must be what they are.
        tokens = (
            call.payload.length if isinstance(call.payload, PrefillChunk) else len(call.payload.sequences)
        )
        rows = self._engine.inputs.view(call.payload.key, BLOCK_SIZE).token_ids[tokens:]
        return {"token_ids": rows} if rows.numel() else {}

    def roots(self) -> Mapping[str, Any]:
        return {"engine": self._engine}

    def teardown(self) -> None:
        self._patches.close()

    def _require_room(self) -> None:
        """Raise UsageError when the longest request needs more positions than the model has."""
        shape = (
            Checkpoint.open(self._model).config if self._kind == "checkpoint" else named_shape(self._model)
        )
        wanted, allowed = self._workload.longest, shape.max_position_embeddings
        if wanted > allowed:
            raise UsageError(
                f"--pp {self._workload.prompt_tokens} with --tg {self._workload.decode_tokens} needs {wanted} "
                f"positions; {self._model} has {allowed}.",
                hint=f"use --pp {max(1, allowed - self._workload.decode_tokens)} or less",
            )

    def _built(self, device: Device, runner: GraphRunner) -> Engine:
        load = self._workload
        config = EngineConfig(
            chunk_size=load.chunk_tokens,
            max_sequence_length=load.longest,
            block_size=BLOCK_SIZE,
            num_blocks=load.blocks(),
            max_sequences=load.requests,
            logit_rows=LOGIT_ROWS,
        )
        if self._kind == "checkpoint":
            return Engine.from_directory(self._model, device.torch_device, self._dtype, config, runner=runner)
        return Engine.from_shape(
            self._model, device.torch_device, self._dtype, self._seed, config, runner=runner
        )

    def _planned(self) -> tuple[Call, ...]:
        steps: list[tuple[int, Step]] = []
        random = Random(self._workload.seed)
        vocabulary = self._engine.model.config.vocab_size
        decoded = self._workload.decode_tokens
        for request, length in enumerate(self._workload.prompt_lengths()):
            tokens = [random.randrange(vocabulary) for _ in range(length + decoded)]
            sequence = self._engine.new_sequence(tokens[:length], decoded)
            steps.extend((request, chunk) for chunk in self._engine.prefill_chunks(sequence))
            steps.extend((request, step) for step in self._decode_steps(sequence, tokens, length))
        return tuple(self._call(index, request, step) for index, (request, step) in enumerate(steps))

    def _decode_steps(self, sequence: Sequence, tokens: list[int], length: int) -> list[DecodeBatch]:
        # The tokens are given beforehand, so that both arms decode the same text whatever their logits say.
        return [
            self._engine.decode_batch(
                [
                    Sequence(
                        tokens[: end + 1],
                        num_prompt_tokens=length,
                        max_new_tokens=len(tokens) - length,
                        block_table=sequence.block_table,
                        num_computed=end,
                    )
                ]
            )
            for end in range(length, len(tokens))
        ]

    def _call(self, index: int, request: int, step: Step) -> Call:
        facts: dict[str, Fact]
        if isinstance(step, PrefillChunk):
            label, tokens = f"q_offset {step.start}, {step.length} tokens", step.length
            facts = {"q_offset": step.start, "tokens": step.length, "context": step.end}
        else:
            label, tokens = f"decode, context {len(step.sequences[0])}", len(step.sequences)
            facts = {"context": len(step.sequences[0])}
        return Call(
            index=index,
            request=request,
            key=self._engine.key(step),
            label=label,
            payload=step,
            facts=facts,
            tokens=tokens,
            closed=step.closed,
        )

    def _detail(self) -> dict[str, str]:
        config = self._engine.model.config
        detail = {
            "family": config.family,
            "layers": str(config.num_layers),
            "prompts": ", ".join(map(str, self._workload.prompt_lengths())) + " tokens",
            "chunk": f"{self._workload.chunk_tokens} tokens",
        }
        if self._kind == "shape":
            detail["weights"] = f"random, seed {self._seed}"
        if self._faults:
            detail["fault"] = ", ".join(fault.name for fault in self._faults)
        return detail
