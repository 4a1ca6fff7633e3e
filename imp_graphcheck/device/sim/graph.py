"""Captured graphs: the surface of `torch.cuda.CUDAGraph` and `torch.cuda.graph`, for the software GPU."""

import warnings
from types import TracebackType

import torch

from imp_graphcheck.device.sim.allocator import PoolId
from imp_graphcheck.device.sim.capture import CAPTURE_MODES, GraphNode
from imp_graphcheck.device.sim.gpu import Gpu, current_gpu
from imp_graphcheck.device.sim.streams import SimStream, current_stream, stream_context


class CUDAGraph:
    """A graph of recorded work. Replaying it runs every node on the memory as it is then."""

    def __init__(self, keep_graph: bool = False) -> None:
        self.keep_graph = keep_graph
        self.nodes: tuple[GraphNode, ...] = ()
        self.id = 0
        self.replays = 0
        self.ended_at = 0
        """When the capture ended, by the clock of the allocator."""
        self._gpu: Gpu | None = None
        self._pool: PoolId | None = None
        self._stream: int | None = None
        self._generators: set[int] = set()
        self._ready = False
        self._instantiated = False

    def capture_begin(self, pool: PoolId | None = None, capture_error_mode: str = "global") -> None:
        """Record what the current stream is given, until `capture_end`."""
        if capture_error_mode not in CAPTURE_MODES:
            raise ValueError(
                f"Unknown capture error mode. Expected `global`, `thread_local`, or `relaxed`, got {capture_error_mode}"
            )
        if self._ready:
            raise RuntimeError(
                "This CUDAGraph instance already owns a captured graph. To capture a new graph, create a new instance."
            )
        gpu, stream = current_gpu(), current_stream().stream_id
        if gpu.capture_of(stream) is not None:
            raise RuntimeError("Cannot register the state during capturing stage.")
        self._pool = pool if pool is not None else gpu.new_pool()
        gpu.begin_capture(
            stream=stream, mode=capture_error_mode, pool=self._pool, generators=frozenset(self._generators)
        )
        # From here on the graph holds its pool, whatever becomes of the capture.
        gpu.retain_pool(self._pool)
        self._gpu, self._stream = gpu, stream

    def capture_end(self) -> None:
        """Stop recording. Raises the runtime's 901 or 904 when the capture cannot become a graph."""
        gpu, stream = self._bound(), current_stream().stream_id
        if stream != self._stream:
            raise RuntimeError("Capture must end on the same stream it began on.")
        capture = gpu.end_capture(stream)
        self.nodes, self.id = tuple(capture.nodes), capture.id
        self.ended_at = gpu.allocator.clock
        self._ready = True
        if not self.nodes:
            warnings.warn(
                "The CUDA Graph is empty. This usually means that the graph was attempted to be captured on "
                "wrong device or stream.",
                stacklevel=2,
            )
        if not self.keep_graph:
            self.instantiate()

    def instantiate(self) -> None:
        """Make the graph launchable."""
        self._require_ready()
        self._bound().instantiate()
        self._instantiated = True

    def replay(self) -> None:
        """Launch every node on the current stream."""
        self._require_ready()
        if not self._instantiated:
            self.instantiate()
        self._bound().launch_graph(self, current_stream().stream_id)
        self.replays += 1

    def launch(self, node: GraphNode) -> None:
        """Launch one node alone on the current stream."""
        self._bound().launch_node(self, node, current_stream().stream_id)

    def reset(self) -> None:
        """Drop the graph and its claim on its pool."""
        if self._gpu is not None and self._pool is not None:
            self._gpu.release_pool(self._pool)
        self._gpu, self._ready, self._instantiated, self.nodes = None, False, False, ()

    def __del__(self) -> None:
        self.reset()

    def pool(self) -> PoolId:
        """The id of the graph's private pool."""
        if self._pool is None:
            raise RuntimeError("Called CUDAGraph::pool() without a preceding successful capture.")
        return self._pool

    def register_generator_state(self, generator: torch.Generator) -> None:
        """Let `generator` be used inside the capture."""
        self._generators.add(generator._cdata)  # type: ignore[attr-defined]

    def enable_debug_mode(self) -> None:
        """Keep the graph, so that it can be dumped."""
        self.keep_graph = True

    def debug_dump(self, debug_path: str) -> None:
        """Write the graph as DOT to `debug_path`."""
        lines = ["digraph sim {"]
        for node in self.nodes:
            lines.append(f'  n{node.index} [label="{node.index}: {node.work.name}"];')
            lines.extend(f"  n{before} -> n{node.index};" for before in node.dependencies)
        with open(debug_path, "w", encoding="utf-8") as file:
            file.write("\n".join([*lines, "}", ""]))

    def _bound(self) -> Gpu:
        if self._gpu is None:
            raise RuntimeError("Called CUDAGraph::capture_end() before capture_begin().")
        return self._gpu

    def _require_ready(self) -> None:
        if not self._ready:
            raise RuntimeError("Called CUDAGraph::replay without a preceding successful capture.")


class graph:  # noqa: N801 - the name is torch.cuda's
    """Context manager that captures its body into `cuda_graph`, on a side stream."""

    _default_stream: SimStream | None = None

    def __init__(
        self,
        cuda_graph: CUDAGraph,
        pool: PoolId | None = None,
        stream: SimStream | None = None,
        capture_error_mode: str = "global",
    ) -> None:
        if stream is None:
            if graph._default_stream is None:
                graph._default_stream = SimStream()
            stream = graph._default_stream
        self.cuda_graph, self.pool, self.capture_error_mode = cuda_graph, pool, capture_error_mode
        self.capture_stream = stream
        self._context = stream_context(stream)

    def __enter__(self) -> None:
        gpu = current_gpu()
        gpu.synchronize_device()
        gpu.empty_cache()
        self._context.__enter__()
        try:
            self.cuda_graph.capture_begin(pool=self.pool, capture_error_mode=self.capture_error_mode)
        except BaseException as error:
            self._context.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.cuda_graph.capture_end()
        finally:
            self._context.__exit__(kind, error, trace)


def graph_pool_handle() -> PoolId:
    """A pool id that several graphs may share."""
    return current_gpu().new_pool()
