"""Programs that read addresses from device memory, right and wrong."""

import torch

from imp_graphcheck.faults.programs.base import Doubling


class Table(Doubling):
    """A table of the addresses of some weights, which the graph reads."""

    count = 3
    shape = (8,)

    def setup(self, device):
        super().setup(device)
        self.weights = [torch.ones(self.shape, device=device) for _ in range(self.count)]  # MARK allocated
        self.table = self.addresses()
        self.replays = 0

    def addresses(self):
        return torch.tensor([weight.data_ptr() for weight in self.weights], device=self.device)

    def forward(self, call):
        self.seen = self.capturing
        return self.x * 2 + self.table.ne(0).sum() * 0  # MARK read


class Drops(Table):
    """One weight goes."""

    def between(self, call):
        if self.seen:
            self.weights[1] = None  # MARK freed


class DropsTheLast(Table):
    """All go, the table being a part of a larger buffer with numbers beside it."""

    def addresses(self):
        numbers = torch.tensor([7, 9, -1], device=self.device)
        return torch.cat([numbers, super().addresses(), numbers])

    def between(self, call):
        if self.seen:
            self.weights.clear()  # MARK freed-all


class Unmaps(Table):
    """Large weights go back to the driver."""

    shape = (8 << 20,)

    def between(self, call):
        if self.seen:
            self.weights[1] = None  # MARK unmapped
            self.module.empty_cache()


class DropsRows(Table):
    """The addresses of rows in the middle of one tensor, which goes."""

    def addresses(self):
        self.rows = torch.ones(8, 64, device=self.device)
        return torch.tensor([self.rows[row].data_ptr() for row in (1, 2, 5)], device=self.device)

    def between(self, call):
        if self.seen:
            self.rows = None


class DropsLater(Table):
    """The weight goes after a replay, and not right after the capture."""

    def setup(self, device):
        super().setup(device)
        self.captured = False
        self.after = 0

    def between(self, call):
        self.captured = self.captured or self.seen
        self.after += self.captured
        if self.after == 3:
            self.weights[1] = None  # MARK freed-later


class CopiesTheTable(Drops):
    """A copy of the table is what the kernels get."""

    def forward(self, call):
        self.seen = self.capturing
        return self.x * 2 + self.table.clone().ne(0).sum() * 0


class TwoKeys(Drops):
    """Two graphs read one table."""

    def key(self, call):
        return call["value"] > 2

    def between(self, call):
        if self.seen and call["value"] > 2:
            self.weights[1] = None


class DiesOfIt(Drops):
    """As if a kernel had followed the address: the replay stops at an index that is out of range."""

    def setup(self, device):
        super().setup(device)
        self.row = torch.zeros(1, dtype=torch.int64, device=device)

    def prepare(self, call):
        super().prepare(call)
        self.row.fill_(0 if self.weights[1] is not None else 99)

    def forward(self, call):
        return super().forward(call).index_select(0, self.row)


class WritesTheTable(Drops):
    """The graph fills the table before it reads it."""

    def forward(self, call):
        self.table.copy_(self.table.new_ones(3))
        return super().forward(call)

    def between(self, call):
        if self.seen and self.weights:
            self.table.fill_(self.weights[0].data_ptr())
            self.weights.clear()


class GivesTheTableAway(DropsLater):
    """The table itself goes, and numbers that are addresses lie in its block."""

    def forward(self, call):
        self.seen = self.capturing
        table = self.table if self.table is not None else self.other
        return self.x * 2 + table.ne(0).sum() * 0

    def between(self, call):
        self.captured = self.captured or self.seen
        self.after += self.captured
        if self.after == 3:
            address = self.weights[1].data_ptr()
            self.table = None
            self.other = torch.full((3,), address, device=self.device)
            self.weights.clear()
