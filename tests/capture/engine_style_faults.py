"""Programs as engines write them, each with a mistake. The lines that the first finding must name are marked."""

import functools
import queue
from collections import deque
from dataclasses import dataclass, field

import engine_tables
import torch

from imp_graphcheck.faults.programs.base import Doubling


class Reloads(Doubling):
    """Something is replaced once, after the capture; what it was stays alive where nobody finds it by name."""

    def setup(self, device):
        super().setup(device)
        self.retired, self.seen, self.done = queue.SimpleQueue(), False, False
        self.build()

    def build(self):
        pass

    def factor(self):
        return 2.0

    def reload(self):
        pass

    def forward(self, call):
        self.seen |= self.capturing
        return self.x * self.factor()

    def between(self, call):
        if self.seen and not self.done:
            self.done = True
            self.reload()


@dataclass
class Ring:
    newest_last: deque = field(default_factory=deque)


class DequeHolder(Reloads):
    """The newest state sits at the end of a deque."""

    def build(self):
        self.ring = Ring()
        self.ring.newest_last.append(torch.ones(8, device=self.device))  # MARK DequeHolder allocation

    def factor(self):
        return self.ring.newest_last[-1]

    def reload(self):
        self.retired.put(self.ring.newest_last.popleft())
        self.ring.newest_last.append(torch.full((8,), 3.0, device=self.device))


class PartialHolder(Reloads):
    """The table is an argument that is bound."""

    def build(self):
        table = torch.ones(8, device=self.device)  # MARK PartialHolder allocation
        self.apply = functools.partial(torch.mul, other=table)

    def forward(self, call):
        self.seen |= self.capturing
        return self.apply(self.x)

    def reload(self):
        self.retired.put(self.apply)
        self.apply = functools.partial(torch.mul, other=torch.zeros(8, device=self.device))


class Part:
    pass


class ManyWays(Reloads):
    """A long chain of objects leads to the model too, and is met first."""

    def build(self):
        model, chain = Part(), Part()
        model.inner = Part()
        model.inner.scales = torch.full((8,), 2.0, device=self.device)  # MARK ManyWays allocation
        self.a_chain = chain
        for _ in range(12):
            chain.next = Part()
            chain = chain.next
        chain.model = self.model = model

    def factor(self):
        return self.model.inner.scales

    def reload(self):
        self.retired.put(self.model.inner.scales)
        self.model.inner.scales = torch.full((8,), 5.0, device=self.device)


class HelperModule(Reloads):
    """The table is a global of another module of the program."""

    def factor(self):
        return engine_tables.table(self.device)

    def reload(self):
        engine_tables.reload(self.device)


@functools.lru_cache(maxsize=2)
def workspace(count, device):
    return torch.zeros(count, device=device)  # MARK LruEviction allocation


class LruEviction(Doubling):
    """Other sizes drive the workspace of the graph out of a cache."""

    def setup(self, device):
        super().setup(device)
        self.count = 100

    def prepare(self, call):
        super().prepare(call)
        workspace(32, self.device).zero_()

    def forward(self, call):
        held = workspace(32, self.device)
        held.copy_(self.x.view(-1))  # MARK LruEviction launch
        return held * 2

    def between(self, call):
        for _ in range(3):
            self.count += 1
            workspace(self.count, self.device).fill_(7.0)  # MARK LruEviction free


class ThreeAtOnce(Doubling):
    """An adapter that is loaded anew, a number from the host, and a stream that was not forked."""

    def setup(self, device):
        super().setup(device)
        self.side = self.module.Stream(device=device)
        self.log = torch.zeros(4, 8, device=device)
        self.load()

    def load(self):
        self.adapter = torch.ones(8, device=self.device)  # MARK ThreeAtOnce allocation free

    def prepare(self, call):
        super().prepare(call)
        self.scale = 1.0 / (1.0 + call["value"])

    def forward(self, call):
        with self.module.stream(self.side):
            self.log.copy_(self.x)
        return self.x * self.adapter * self.scale  # MARK ThreeAtOnce launch

    def between(self, call):
        self.module.synchronize()
        self.load()


class DraftGraphReset(Doubling):
    """The output of another graph, which is reset while this one still reads it."""

    def setup(self, device):
        super().setup(device)
        self.graph, self.ones = self.module.CUDAGraph(), torch.ones(4, 8, device=device)
        with self.module.graph(self.graph, stream=self.module.Stream(device=device)):
            self.draft = self.ones + 1  # MARK DraftGraphReset allocation
        self.graph.replay()

    def forward(self, call):
        self.seen = self.capturing
        return self.x + (self.x if self.draft is None else self.draft)  # MARK DraftGraphReset launch

    def between(self, call):
        if self.seen and self.draft is not None:
            self.graph.reset()
            self.draft = None  # MARK DraftGraphReset free
            self.module.empty_cache()


class BridgeBetweenGraphs(Doubling):
    """One graph leaves its intermediate to the next, and nobody keeps it."""

    def setup(self, device):
        super().setup(device)
        self.bridge = None

    def calls(self):
        return [{"request": 0, "value": float(v), "part": part} for v in (1, 2, 3) for part in ("a", "b")]

    def key(self, call):
        return call["part"]

    def forward(self, call):
        if call["part"] == "a":
            self.bridge = self.x * 3  # MARK BridgeBetweenGraphs allocation
            return self.bridge.sum()
        return self.bridge + 1  # MARK BridgeBetweenGraphs launch

    def between(self, call):
        if call["part"] == "b":
            self.bridge = None


class KeepsABackup(Reloads):
    """New weights in the module, the old ones in a backup that everybody can see."""

    def build(self):
        self.net = torch.nn.Linear(8, 8, bias=False, device=self.device)  # MARK KeepsABackup allocation
        self.backup = {}

    @torch.no_grad()
    def forward(self, call):
        self.seen |= self.capturing
        return self.net(self.x)  # MARK KeepsABackup launch

    def reload(self):
        self.backup["weight"] = self.net.weight
        self.net.weight = torch.nn.Parameter(torch.full((8, 8), 0.25, device=self.device))


class OneOfManyCalls(Doubling):
    """Seven calls of one key, of which the third takes another branch."""

    def calls(self):
        return [{"value": i + 1.0, "length": n} for i, n in enumerate((10, 11, 900, 12, 13, 14, 15))]

    def prepare(self, call):
        self.x.fill_(call["value"])

    def forward(self, call):
        if call["length"] > 512:
            return self.x.exp()
        return self.x * 2  # MARK OneOfManyCalls launch


class WritesNothing(Doubling):
    """All of the work is left out while a capture goes on."""

    def forward(self, call):
        out = torch.empty(4, 8, device=self.device)
        if not self.capturing:
            torch.add(self.x, 1, out=out)  # MARK WritesNothing launch
        return out


class SwallowsTheError(Doubling):
    """The first error is caught; the capture is invalid all the same."""

    def forward(self, call):
        try:
            top = self.x.max().item()  # MARK SwallowsTheError launch
        except RuntimeError:
            top = 1.0
        return self.x * top


class ListsLengths(Doubling):
    """Lengths are taken to the host, where torch says the same as of an upload."""

    def setup(self, device):
        super().setup(device)
        self.lengths = torch.tensor([1, 2, 3, 4], device=device)

    def forward(self, call):
        parts = self.x.view(-1)[:10].split(self.lengths.tolist())  # MARK ListsLengths launch
        return torch.stack([part.sum() for part in parts])


class TableByNeed(Doubling):
    """A table that is as long as the longest call so far; the eager calls have made it long before anything is captured."""

    longest = 0

    def setup(self, device):
        super().setup(device)
        self.table, self.last = torch.ones(1, device=device), torch.zeros(1, dtype=torch.int64, device=device)
        self.need(self.longest)

    def need(self, count):
        if self.table.numel() < count:
            self.table = torch.arange(float(count), device=self.device)  # MARK TableByNeed allocation free

    def calls(self):
        return [{"request": i, "length": n, "value": i + 1.0} for i, n in enumerate((8, 600, 20))]

    def prepare(self, call):
        super().prepare(call)
        self.need(call["length"])
        self.last.fill_(call["length"] - 1)

    def forward(self, call):
        return self.x * self.table[self.last]  # MARK TableByNeed launch


class RingOfSlots(Doubling):
    """Inputs in the slots of a ring; which one is next is the host's, and the same call gets another one each time."""

    def setup(self, device):
        super().setup(device)
        self.slots, self.turn = torch.zeros(5, 4, 8, device=device), 0

    def calls(self):
        return [{"value": float(i + 1)} for i in range(7)]

    def prepare(self, call):
        self.turn = (self.turn + 1) % 5
        self.slots[self.turn].fill_(call["value"])

    def forward(self, call):
        return self.slots[self.turn].cumsum(0)  # MARK RingOfSlots launch


class HandsTheTensorOn(Doubling):
    """What the next call starts from is an attribute that each forward binds anew; there are two graphs."""

    def setup(self, device):
        super().setup(device)
        self.hidden, self.start = torch.zeros(4, 8, device=device), torch.zeros(4, 8, device=device)

    def calls(self):
        return [{"value": float(i), "part": part} for i, part in enumerate("abaab")]

    def key(self, call):
        return call["part"]

    def prepare(self, call):
        super().prepare(call)
        self.start.copy_(self.hidden) if call["value"] else self.start.zero_()

    def forward(self, call):
        hidden = self.x + self.start * 2
        self.hidden = hidden * (3 if call["part"] == "a" else 1)  # MARK HandsTheTensorOn launch
        return self.hidden.sum(-1)


class StartsBeyond(Doubling):
    """A start that goes in as a number; the gather behind it is out of range at another call, and innocent."""

    def setup(self, device):
        super().setup(device)
        self.rows = torch.arange(512.0, device=device).view(64, 8)
        self.first = torch.zeros(4, dtype=torch.int64, device=device)

    def calls(self):
        return [{"request": i, "start": s, "first": 60 - s} for i, s in enumerate((50, 0, 20))]

    def prepare(self, call):
        self.first.copy_(torch.arange(4) + call["first"])

    def forward(self, call):
        return self.rows.index_select(0, self.first + call["start"]) * 2  # MARK StartsBeyond launch


class SlotBeforeBranch(Doubling):
    """A row that is chosen on the host, and behind it a branch: the one must not hide the other."""

    def setup(self, device):
        super().setup(device)
        self.cache = torch.zeros(8, 8, device=device)

    def state(self):
        return {"cache": self.cache}

    def forward(self, call):
        self.cache[call["request"]].copy_(self.x[0])  # MARK SlotBeforeBranch launch
        return self.x.exp() if call["value"] > 2 else self.x + 1
