"""Programs that are right and look suspicious: nothing may be found in them."""

import torch

from imp_graphcheck.faults.programs.base import Doubling


class Module(Doubling):
    """A small network, with its library workspaces and its intermediates in the graph's own pool."""

    def setup(self, device):
        super().setup(device)
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(
            torch.nn.Linear(8, 32), torch.nn.GELU(), torch.nn.LayerNorm(32), torch.nn.Linear(32, 8)
        ).to(device)
        self.net.eval()

    def forward(self, call):
        return self.net(self.x)


class Attention(Doubling):
    """Scaled dot product attention over a cache, with a mask from a length on the device."""

    def setup(self, device):
        super().setup(device)
        torch.manual_seed(0)
        self.k = torch.randn(1, 2, 64, 8, device=device)
        self.v = torch.randn(1, 2, 64, 8, device=device)
        self.number = torch.arange(64, device=device)
        self.length = torch.zeros((), dtype=torch.int64, device=device)

    def prepare(self, call):
        super().prepare(call)
        self.length.fill_(10 * int(call["value"]))

    def forward(self, call):
        q = self.x.view(1, 2, 2, 8)
        mask = (self.number < self.length).view(1, 1, 1, 64)
        return torch.nn.functional.scaled_dot_product_attention(q, self.k, self.v, attn_mask=mask)


class Buckets(Doubling):
    """Padded batches, one graph per bucket, the padding filled each time."""

    def calls(self):
        return [
            {"request": i, "rows": rows, "value": float(i + 1)} for i, rows in enumerate((1, 2, 3, 4, 2, 1))
        ]

    def key(self, call):
        return 2 if call["rows"] <= 2 else 4

    def prepare(self, call):
        self.x.zero_()
        self.x[: call["rows"]].fill_(call["value"])

    def forward(self, call):
        return self.x[: self.key(call)].cumsum(0)


class Cache(Doubling):
    """A cache written in place at a slot on the device."""

    def setup(self, device):
        super().setup(device)
        self.cache = torch.zeros(8, 8, device=device)
        self.slot = torch.zeros(1, dtype=torch.int64, device=device)

    def state(self):
        return {"cache": self.cache}

    def prepare(self, call):
        super().prepare(call)
        self.slot.fill_(call["request"] + 1)

    def forward(self, call):
        self.cache.index_copy_(0, self.slot, self.x[:1])
        return self.cache.sum(0, keepdim=True) * 0 + self.x[:1]


class LazyConstant(Doubling):
    """A constant that is made on first use, during the warm-up, and kept."""

    def setup(self, device):
        super().setup(device)
        self.tables = {}

    def table(self):
        if "ramp" not in self.tables:
            self.tables["ramp"] = torch.tensor([float(i) for i in range(8)], device=self.device)
        return self.tables["ramp"]

    def forward(self, call):
        return self.x * self.table()


class KeptPinnedConstant(Doubling):
    """A captured copy from a pinned buffer that lives as long as the program."""

    def setup(self, device):
        super().setup(device)
        self.host = torch.arange(8.0).pin_memory()

    def forward(self, call):
        return self.x + self.host.to(self.device, non_blocking=True)


class BusyBetween(Doubling):
    """Allocates, frees and gives memory back between the calls, none of it the graph's."""

    def between(self, call):
        junk = [torch.full((1 << 18,), float(i), device=self.device) for i in range(6)]
        big = torch.ones(4 << 20, device=self.device)
        del junk, big
        self.module.empty_cache()


class SideStream(Doubling):
    """Two branches on two streams, forked and joined."""

    def setup(self, device):
        super().setup(device)
        self.side = self.module.Stream(device=device)

    def forward(self, call):
        main = self.module.current_stream()
        self.side.wait_stream(main)
        with self.module.stream(self.side):
            a = self.x * 3
        b = self.x + 1
        main.wait_stream(self.side)
        return a + b


class PingPong(Doubling):
    """Two buffers used in turn, with the turn in the key."""

    def setup(self, device):
        super().setup(device)
        self.buffers = [torch.zeros(4, 8, device=device) for _ in range(2)]
        self.current = 0

    def calls(self):
        return [{"value": float(i + 1), "turn": i % 2} for i in range(6)]

    def key(self, call):
        return ("turn", call["turn"])

    def prepare(self, call):
        self.current = call["turn"]
        self.buffers[self.current].fill_(call["value"])

    def forward(self, call):
        return self.buffers[self.current] * 2


class DefaultGenerator(Doubling):
    """Draws from torch's default generator into the state, and answers without it."""

    def forward(self, call):
        torch.rand(4, device=self.device)
        return self.x * 2


class LongLivedTransients(Doubling):
    """Many intermediates that reuse each other's memory in the graph's own pool."""

    def forward(self, call):
        y = self.x
        for step in range(30):
            y = (y * 1.01 + step).relu()
        return y


class OptionalOutput(Doubling):
    """Keeps its last output as an attribute, replaced by each call."""

    def forward(self, call):
        self.last = self.x * 2
        return self.last


class ScratchInPlace(Doubling):
    """Scratch that is written before it is read, replaced in place."""

    def setup(self, device):
        super().setup(device)
        self.scratch = torch.empty(4, 8, device=device)

    def forward(self, call):
        torch.mul(self.x, 2, out=self.scratch)
        return self.scratch + 1


class Numbers(Doubling):
    """Data that could be taken for addresses: random and hashed numbers, times, floats, packed pairs."""

    def setup(self, device):
        super().setup(device)
        generator = torch.Generator().manual_seed(1)
        self.spare = [torch.ones(1 << 18, device=device) for _ in range(8)]
        base = self.spare[0].data_ptr()
        near = torch.randint(base - (1 << 24), base + (1 << 24), (512,), generator=generator)
        aligned = near.bitwise_and(-32).bitwise_or(16)
        self.data = [
            torch.randint(1 << 46, 1 << 47, (4096,), generator=generator).to(device),
            near.bitwise_or(1).to(device),
            torch.stack([aligned, torch.arange(512)], dim=1).to(device),
            torch.tensor([hash((i, "x")) for i in range(512)], device=device),
            torch.tensor([1_790_000_000_000_000_000 + i for i in range(64)], device=device),
            torch.tensor([1_790_000_000_000_000 + i for i in range(64)], device=device),
            torch.rand(512, dtype=torch.float64, generator=generator).to(device),
            torch.arange(1 << 14, dtype=torch.int32, device=device),
        ]

    def forward(self, call):
        self.seen = self.capturing
        y = self.x * 2
        for numbers in self.data:
            y = y + numbers.ne(0).sum() * 0
        return y

    def between(self, call):
        if self.seen:
            self.spare.clear()


class KeptTable(Doubling):
    """Addresses of live weights, while other tensors come and go."""

    def setup(self, device):
        super().setup(device)
        self.weights = [torch.ones(8, device=device) for _ in range(4)]
        self.table = torch.tensor([weight.data_ptr() for weight in self.weights], device=device)
        self.spare = torch.ones(8, device=device)

    def forward(self, call):
        self.seen = self.capturing
        return self.x * 2 + self.table.ne(0).sum() * 0

    def between(self, call):
        if self.seen:
            self.spare = None


class RefilledTable(KeptTable):
    """New buffers for each call, and the table filled with their addresses before it."""

    def prepare(self, call):
        super().prepare(call)
        self.weights = [torch.ones(8, device=self.device) for _ in range(4)]
        self.table.copy_(torch.tensor([weight.data_ptr() for weight in self.weights]))


class RefilledFromFreedBlocks(KeptTable):
    """The same, and the old buffers are dropped first: the new ones get their blocks."""

    def prepare(self, call):
        super().prepare(call)
        self.weights.clear()
        self.weights = [torch.ones(8, device=self.device) for _ in range(4)]
        self.table.copy_(torch.tensor([weight.data_ptr() for weight in self.weights]))


class ReloadedTable(KeptTable):
    """Weights are loaded again after the capture, and the table is filled in place then."""

    def between(self, call):
        if self.seen:
            self.weights = [torch.ones(8, device=self.device) for _ in range(4)]
            self.table.copy_(torch.tensor([weight.data_ptr() for weight in self.weights]))


class TableOfTheDead(KeptTable):
    """Addresses that were dead before the capture, in a buffer that nobody follows."""

    def setup(self, device):
        super().setup(device)
        self.weights.clear()


class LongerListBefore(KeptTable):
    """Each call has as many buffers as it likes; the tail of the table is left over from a longer one, and not read."""

    def setup(self, device):
        super().setup(device)
        self.count = torch.zeros(1, dtype=torch.int64, device=device)

    def prepare(self, call):
        super().prepare(call)
        used = 1 + int(call["value"])
        self.weights = [torch.ones(8, device=self.device) for _ in range(used)]
        self.table[:used].copy_(torch.tensor([weight.data_ptr() for weight in self.weights]))
        self.count.fill_(used)


class ShorterListAfter(KeptTable):
    """Each request has as many buffers as it likes, for as long as it runs; a shorter one leaves the tail as it is."""

    def setup(self, device):
        super().setup(device)
        self.request = None

    def calls(self):
        return [{"request": i, "used": used, "value": float(used)} for i, used in enumerate((3, 1, 2))]

    def prepare(self, call):
        super().prepare(call)
        if self.request != call["request"]:
            self.request = call["request"]
            self.weights.clear()
            self.weights = [torch.ones(8, device=self.device) for _ in range(call["used"])]
            addresses = torch.tensor([weight.data_ptr() for weight in self.weights])
            self.table[: call["used"]].copy_(addresses)


class TableInTheGraph(KeptTable):
    """The graph writes the table itself, before it reads it; what lies there before a replay means nothing."""

    def forward(self, call):
        self.seen = self.capturing
        torch.add(self.table.new_zeros(4), 1, out=self.table)
        return self.x * 2 + self.table.ne(0).sum() * 0

    def between(self, call):
        if self.seen:
            self.weights.clear()
