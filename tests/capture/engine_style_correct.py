"""Programs as engines write them, right although they look suspicious: nothing may be found in them."""

import functools
from collections import deque
from collections.abc import Mapping
from types import SimpleNamespace

import engine_style_faults
import torch

from imp_graphcheck.faults.programs.base import Doubling


class Rows(Doubling):
    """A static input per number of rows, and a graph for each; only the one in use is an attribute."""

    def setup(self, device):
        super().setup(device)
        self.build()

    def build(self):
        pass

    def calls(self):
        return [{"request": i, "rows": rows, "value": i + 1.0} for i, rows in enumerate((1, 4, 2, 4, 2, 1))]

    def key(self, call):
        return call["rows"]

    def buffer(self, rows):
        return self.x[:rows]

    def prepare(self, call):
        self.current = self.buffer(call["rows"])
        self.current.fill_(call["value"])

    def forward(self, call):
        return self.current * 2


@functools.cache
def cached(rows, device):
    return torch.zeros(rows, 8, device=device)


@functools.lru_cache(maxsize=8)
def cached_few(rows, device):
    return torch.zeros(rows, 8, device=device)


class Cached(Rows):
    def buffer(self, rows):
        return cached(rows, self.device)


class CachedFew(Rows):
    def buffer(self, rows):
        return cached_few(rows, self.device)


class DefaultArgument(Rows):
    def build(self):
        def get(rows, *, known={}):  # noqa: B006 - the cache is the point
            if rows not in known:
                known[rows] = torch.zeros(rows, 8, device=self.device)
            return known[rows]

        self.get = get

    def buffer(self, rows):
        return self.get(rows)


class DequePool(Rows):
    def build(self):
        self.pool = deque(
            SimpleNamespace(rows=rows, buffer=torch.zeros(rows, 8, device=self.device)) for rows in (1, 2, 4)
        )

    def buffer(self, rows):
        while self.pool[0].rows != rows:
            self.pool.rotate(1)
        return self.pool[0].buffer


class ClosedFile(Mapping):
    """Weights on disk, as long as the file was open."""

    def __getitem__(self, name):
        raise OSError("the file is closed")

    def __iter__(self):
        return iter(("weight",))

    def __len__(self):
        return 1


class HoldsAClosedFile(Doubling):
    def setup(self, device):
        super().setup(device)
        self.weights = ClosedFile()


class SharedPool(Doubling):
    """Two graphs of the program's own share a pool and run one at a time; what they answer is copied."""

    def setup(self, device):
        super().setup(device)
        pool, stream = self.module.graph_pool_handle(), self.module.Stream(device=device)
        self.source, self.own = torch.zeros(64, device=device), {}
        for count in (64, 16):
            graph, rows = self.module.CUDAGraph(), self.source[:count]
            with self.module.graph(graph, pool=pool, stream=stream):
                out = (rows * 2).exp().sum() + rows.cumsum(0)
            self.own[count] = (graph, out)

    def prepare(self, call):
        super().prepare(call)
        self.source.fill_(0.01 * call["value"])
        graph, out = self.own[64 if call["request"] % 2 else 16]
        graph.replay()
        self.x.add_(out.clone()[0])

    def forward(self, call):
        return self.x.softmax(-1) * self.x


class LongThenShort(Doubling):
    """A paged cache: padded rows go to a slot of their own; the slots come through pinned memory, with an event."""

    def setup(self, device):
        super().setup(device)
        self.cache = torch.zeros(17, 8, device=device)
        self.slots = torch.full((4,), 16, dtype=torch.int64, device=device)
        self.staged, self.copied = torch.zeros(4, dtype=torch.int64).pin_memory(), self.module.Event()

    def state(self):
        return {"cache": self.cache[:16]}

    def calls(self):
        return [
            {"request": 0, "slots": slots, "value": i + 1.0}
            for i, slots in enumerate(([0, 1, 2, 3], [4], [5, 6], [7, 8, 9]))
        ]

    def prepare(self, call):
        super().prepare(call)
        self.copied.synchronize()
        self.staged.fill_(16)
        self.staged[: len(call["slots"])] = torch.tensor(call["slots"])
        self.slots.copy_(self.staged, non_blocking=True)
        self.copied.record()

    def forward(self, call):
        self.cache.index_put_((self.slots,), self.x)
        return self.cache.index_select(0, self.slots.clamp(max=15)).cumsum(0)


class PointerLike(Doubling):
    """Data and numbers that look like addresses, of dead memory too."""

    def setup(self, device):
        super().setup(device)
        dead = torch.zeros(1 << 16, device=device)
        self.address = int(dead.data_ptr())
        del dead
        numbers = [2**47 - 1, self.address, self.x.data_ptr(), 2**62]
        self.numbers = torch.tensor(numbers, device=device)

    def forward(self, call):
        mixed = (self.numbers + (2**47 - 256)).add(self.address).bitwise_xor(self.x.data_ptr() + 8)
        return mixed.remainder(1021) + self.x[:, 0].long(), torch.full((2,), self.address, device=self.device)


class Sampling(Doubling):
    """Draws from the default generator, seeded for each call."""

    def prepare(self, call):
        super().prepare(call)
        self.module.manual_seed(100 + call["request"])

    def forward(self, call):
        return (self.x.softmax(-1) / torch.empty_like(self.x).exponential_()).argmax(-1), self.x * 2


class HandsOver(Doubling):
    """Prefill leaves its result to the decode step that follows, and decode refuses to run without it."""

    def setup(self, device):
        super().setup(device)
        self.hidden, self.owner = torch.zeros(4, 8, device=device), None

    def state(self):
        return {"hidden": self.hidden}

    def calls(self):
        return [{"request": r, "part": part, "value": r + 1.0} for r in range(3) for part in "ab"]

    def key(self, call):
        return call["part"]

    def prepare(self, call):
        self.x.fill_(call["value"])
        if call["part"] == "a":
            self.owner = call["request"]
        elif self.owner != call["request"]:
            raise RuntimeError("decode without its prefill")

    def forward(self, call):
        if call["part"] == "a":
            self.hidden.copy_(self.x * 3)
            return self.hidden.sum()
        return self.hidden + self.x

    def between(self, call):
        if call["part"] == "b":
            self.owner = None


class ChecksBuffersOut(Rows):
    """Buffers go from a free list to whoever is at work and back, always the same one for the same key."""

    def build(self):
        self.free = {}

    def buffer(self, rows):
        found = self.free.pop(rows, None)
        return torch.zeros(rows, 8, device=self.device) if found is None else found

    def between(self, call):
        self.free[call["rows"]] = self.current


class RejectsTokens(Doubling):
    """-1 for a token that was rejected: the same bytes as those that outputs are poisoned with."""

    def setup(self, device):
        super().setup(device)
        self.tokens = torch.zeros(4, dtype=torch.int64, device=device)

    def calls(self):
        return [{"token": token} for token in (-1, 5, -1, 7)]

    def prepare(self, call):
        self.tokens.fill_(call["token"])

    def forward(self, call):
        return self.tokens * 1


class ViewsTheRows(Doubling):
    """The graph gets all rows and eager a view of those in use, which is all of them: the same kernels run."""

    def forward(self, call):
        scratch = self.x.new_empty(4, 8) if self.capturing else torch.empty(4, 8, device=self.device)
        rows = self.x if self.capturing else self.x[:64]
        return torch.mul(rows, 2, out=scratch)


class TableFromTheStart(engine_style_faults.TableByNeed):
    """The table has the longest length before the first call."""

    longest = 600


class TurnsInScratch(Doubling):
    """Scratch in the slots of a ring, another one for each call, written before it is read: any slot will do."""

    def setup(self, device):
        super().setup(device)
        self.slots, self.turn = torch.zeros(5, 4, 8, device=device), 0

    def prepare(self, call):
        super().prepare(call)
        self.turn = (self.turn + 1) % 5

    def forward(self, call):
        return torch.mul(self.x, 2, out=self.slots[self.turn]) + 1


class CopiesTheTensorOn(engine_style_faults.HandsTheTensorOn):
    """What the next call starts from is copied into one tensor, inside the region."""

    def forward(self, call):
        hidden = self.x + self.start * 2
        self.hidden.copy_(hidden * (3 if call["part"] == "a" else 1))
        return self.hidden.sum(-1)


class TurnsInBuffers(TurnsInScratch):
    """The same, with a tensor of its own for each slot."""

    def setup(self, device):
        super().setup(device)
        self.slots = [torch.zeros(4, 8, device=device) for _ in range(5)]


class LooksBack(Doubling):
    """The hidden states of the last call, which forward keeps by reference, are what the next call starts from: one graph."""

    def setup(self, device):
        super().setup(device)
        self.hidden, self.start = None, torch.zeros((), device=device)

    def calls(self):
        return [{"value": float(i)} for i in range(4)]

    def prepare(self, call):
        super().prepare(call)
        self.start.copy_(self.hidden.sum()) if call["value"] else self.start.zero_()

    def forward(self, call):
        self.hidden = self.x + self.start * 0.5
        return self.hidden.sum(-1)
