"""The engine: a model, its cache, its static inputs and a runner, and the few verbs that drive them.

    sequence -> chunks -> for each: stage (host to static inputs) -> run (eager or graph) -> logits

    >>> engine = Engine.from_shape("qwen3-tiny")
    >>> engine.generate([[1, 2, 3]], max_new_tokens=4)[0]  # doctest: +SKIP
    [17, 401, 22, 9]

`generate` and `prefill` are the short way. The long way, for callers who watch each step, is the same code:

    sequence = engine.new_sequence(token_ids)
    for chunk in engine.prefill_chunks(sequence):
        engine.stage(chunk)
        logits = engine.forward(engine.key(chunk))
    engine.release(sequence)
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from imp_engine.admission import check_request
from imp_engine.batch import Staging, StaticInputs
from imp_engine.checkpoint import Checkpoint, check_weights, fill_with_noise, load_weights
from imp_engine.decode import DecodeBatch, plan_decode
from imp_engine.engine_config import EngineConfig
from imp_engine.errors import CheckpointError, ConfigError, GraphError, RequestError
from imp_engine.graph_key import GraphKey, Phase
from imp_engine.graph_runner import GraphRunner
from imp_engine.hooks import Hooks
from imp_engine.kv_cache import BlockAllocator, KVCache
from imp_engine.models import Qwen3, build_model
from imp_engine.prefill import PrefillChunk, plan_chunks
from imp_engine.prewarm import touch_libraries
from imp_engine.runner import Runner
from imp_engine.sampling import Sampler, SamplingParams
from imp_engine.scheduler import Scheduler
from imp_engine.sequence import Sequence
from imp_engine.shapes import named_shape
from imp_engine.tokenizer import Tokenizer

DEFAULT_SEQUENCE_LENGTH = 4096
Step = PrefillChunk | DecodeBatch


class Engine:
    """Serves one model on one device. Not thread-safe."""

    def __init__(
        self,
        model: Qwen3,
        config: EngineConfig,
        *,
        device: torch.device,
        dtype: torch.dtype,
        hooks: Hooks | None = None,
        runner: Runner | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Use `from_directory` or `from_shape`. runner: None makes a `GraphRunner` with the same hooks."""
        self.model, self.config, self.device, self.dtype = model, config, device, dtype
        self.hooks = hooks or Hooks()
        self.runner = runner if runner is not None else GraphRunner(device, hooks=self.hooks)
        self.checkpoint = checkpoint
        num_blocks = config.num_blocks
        if num_blocks is None:
            num_blocks = 1 + config.max_sequences * config.blocks_for(config.max_sequence_length)
        self.allocator = BlockAllocator(num_blocks)
        self.kv_cache = KVCache(model.config, num_blocks, config.block_size, device=device, dtype=dtype)
        self.inputs = StaticInputs.allocate(config, device)
        self._staging = Staging(config, device)
        self._phase: Phase | None = None

    @classmethod
    def from_directory(
        cls,
        path: str | Path,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
        config: EngineConfig | None = None,
        *,
        hooks: Hooks | None = None,
        runner: Runner | None = None,
    ) -> "Engine":
        """Load a checkpoint directory; dtype None keeps that of the checkpoint.

        Raises `CheckpointError` or `ConfigError`, before anything is allocated, if it cannot be served.
        """
        checkpoint = Checkpoint.open(path)
        check_weights(checkpoint)
        device, dtype = torch.device(device), dtype or checkpoint.config.dtype
        config = _fitting(config, checkpoint.config.max_position_embeddings)
        model = build_model(checkpoint.config, config.max_sequence_length, device=device, dtype=dtype)
        load_weights(model, checkpoint)
        return cls(
            model, config, device=device, dtype=dtype, hooks=hooks, runner=runner, checkpoint=checkpoint
        )

    @classmethod
    def from_shape(
        cls,
        name: str,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
        seed: int = 0,
        config: EngineConfig | None = None,
        *,
        hooks: Hooks | None = None,
        runner: Runner | None = None,
    ) -> "Engine":
        """A named shape of `SHAPES` with random weights; dtype None keeps that of the shape."""
        shape = named_shape(name)
        device, dtype = torch.device(device), dtype or shape.dtype
        config = _fitting(config, shape.max_position_embeddings)
        model = build_model(shape, config.max_sequence_length, device=device, dtype=dtype)
        fill_with_noise(model, seed)
        return cls(model, config, device=device, dtype=dtype, hooks=hooks, runner=runner)

    # The pieces of a step.

    def new_sequence(self, token_ids: Iterable[int], max_new_tokens: int = 0) -> Sequence:
        """A checked sequence with its pages allocated. `release` it. Raises `RequestError`."""
        sequence = check_request(token_ids, max_new_tokens, self.model.config, self.config)
        sequence.block_table = self.allocator.allocate(self.config.blocks_for(sequence.max_tokens))
        return sequence

    def release(self, sequence: Sequence) -> None:
        """Give the pages of `sequence` back. A second call does nothing."""
        self.allocator.free(sequence.block_table)
        sequence.block_table = []

    def prefill_chunks(self, sequence: Sequence, chunk_size: int | None = None) -> list[PrefillChunk]:
        """The steps that compute what is not yet in the cache; chunk_size None takes the configured one."""
        return plan_chunks(sequence, self.config, chunk_size)

    def decode_batch(self, sequences: Iterable[Sequence]) -> DecodeBatch:
        """The step that computes the last token of each sequence. Raises `RequestError` if there are too many."""
        batch = tuple(sequences)
        if not 1 <= len(batch) <= self.config.max_sequences:
            raise RequestError(
                f"The decode batch has {len(batch)} sequences; allowed is 1 to {self.config.max_sequences}."
            )
        return plan_decode(batch, self.config)

    def key(self, step: Step) -> GraphKey:
        """What the graph of `step` is filed under."""
        return step.key

    def stage(self, step: Step) -> None:
        """Write what `step` reads into the static inputs, in stream order."""
        phase = step.key.phase
        if phase is not self._phase:
            self._phase = phase
            self.hooks.phase_changed(phase)
        self._staging.fill(self.inputs, step.key, step.batch(self.config.block_size))

    @torch.no_grad()
    def forward(self, key: GraphKey) -> Tensor:
        """The step that was staged, launched eagerly: logits [R, vocab_size] float32. This is what graphs capture."""
        return self.model.forward(self.inputs.view(key, self.config.block_size), self.kv_cache)

    def run(self, step: Step) -> Tensor:
        """Stage and run a step. Returns logits that the next step may overwrite.

        Row R-1 belongs to the last token of a chunk; row i to sequence i of a decode batch.
        """
        self.stage(step)
        if step.closed is not None:
            logits = self.runner.fall_back(step.key, step.closed, lambda: self.forward(step.key))
        else:
            logits = self.runner.run(step.key, lambda: self.forward(step.key))
        self.hooks.chunk_logits(step, logits)
        return logits

    # The short way.

    def prefill(self, token_ids: Iterable[int], chunk_size: int | None = None) -> Tensor:
        """Logits [vocab_size] float32 after the last of `token_ids`, a copy. Raises `RequestError`."""
        sequence = self.new_sequence(token_ids)
        try:
            for chunk in self.prefill_chunks(sequence, chunk_size):
                logits = self.run(chunk)
            return logits[-1].clone()
        finally:
            self.release(sequence)

    def generate(
        self,
        prompts: Iterable[Iterable[int]],
        max_new_tokens: int,
        sampling: SamplingParams | None = None,
        *,
        ignore_stop: bool = False,
    ) -> list[list[int]]:
        """New tokens of each prompt, in order, by continuous batching. Raises `RequestError` before it starts.

        A text ends after `max_new_tokens`, or with a stop token of the checkpoint (kept) unless `ignore_stop`.
        """
        if max_new_tokens < 1:
            raise RequestError(f"max_new_tokens = {max_new_tokens}; allowed is 1 or more.")
        stop = frozenset[int]() if ignore_stop or self.checkpoint is None else self.checkpoint.stop_token_ids
        sequences = [
            check_request(prompt, max_new_tokens, self.model.config, self.config) for prompt in prompts
        ]
        samplers = {sequence: Sampler(sampling or SamplingParams()) for sequence in sequences}
        scheduler = Scheduler(self.config, self.allocator, sequences)  # refuses what can never fit
        try:
            while (step := scheduler.next_step()) is not None:
                logits = self.run(step)
                computed = scheduler.computed(step)
                if not computed:
                    continue
                rows = (logits[-1:] if isinstance(step, PrefillChunk) else logits[: len(computed)]).cpu()
                for sequence, row in zip(computed, rows, strict=True):
                    token = samplers[sequence](row)
                    sequence.token_ids.append(token)
                    if token in stop or len(sequence) == sequence.max_tokens:
                        scheduler.finish(sequence)
        finally:
            for sequence in sequences:
                self.release(sequence)
        return [sequence.generated for sequence in sequences]

    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the checkpoint. Raises `CheckpointError` if there is none."""
        if self.checkpoint is None:
            raise CheckpointError("A shape with random weights has no tokenizer.", "Pass token ids.")
        return Tokenizer(self.checkpoint.tokenizer_file)

    # Around the steps.

    @property
    def graph_runner(self) -> GraphRunner:
        """The runner, if it is a `GraphRunner`. Raises `GraphError` otherwise."""
        if not isinstance(self.runner, GraphRunner):
            raise GraphError(
                f"The engine runs steps through {type(self.runner).__name__}, which has no graphs."
            )
        return self.runner

    def prewarm(self) -> None:
        """Initialise everything lazy, on the current stream and on the one that captures, before any capture."""
        touch_libraries(self.device, self.dtype)
        if isinstance(self.runner, GraphRunner):
            self.runner.on_capture_stream(lambda: touch_libraries(self.device, self.dtype))

    def resize_kv_cache(self, num_blocks: int) -> None:
        """Replace the cache. Its pages move, so every graph is dropped. Raises `RequestError` if pages are in use."""
        if self.allocator.num_owned:
            raise RequestError(
                f"The KV cache cannot be resized while {self.allocator.num_owned} of its blocks are in use.",
                "Release all sequences first.",
            )
        EngineConfig(num_blocks=num_blocks)
        self.runner.invalidate(reason=f"the KV cache was resized to {num_blocks} blocks")
        block_size = self.config.block_size
        self.kv_cache.layers.clear()  # the old pages go before the new ones come: both may not fit
        self.kv_cache = KVCache(
            self.model.config, num_blocks, block_size, device=self.device, dtype=self.dtype
        )
        self.allocator = BlockAllocator(num_blocks)

    def reload_weights(self, path: str | Path) -> None:
        """Load other weights of the same configuration, in place: captured graphs stay valid and use them."""
        checkpoint = Checkpoint.open(path)
        check_weights(checkpoint)
        if checkpoint.config != self.model.config:
            raise ConfigError(
                f"The config.json of {path} differs from that of the model that is loaded.",
                "Make a new engine.",
            )
        load_weights(self.model, checkpoint)


def _fitting(config: EngineConfig | None, max_positions: int) -> EngineConfig:
    """`config`, checked against the model; a default one if there is none."""
    if config is None:
        return EngineConfig(max_sequence_length=min(DEFAULT_SEQUENCE_LENGTH, max_positions))
    if config.max_sequence_length > max_positions:
        raise ConfigError(
            f"Engine setting max_sequence_length = {config.max_sequence_length}; the model allows {max_positions}."
        )
    return config
