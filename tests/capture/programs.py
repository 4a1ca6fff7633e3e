"""Small programs in pairs: one with a mistake, and its repaired twin. Lines that a finding must name are marked."""

import torch


class Scaled:
    """y = rows[index] * factor. The base of the programs below: right as it stands."""

    name = "scaled"

    def setup(self, device):
        self.device = device
        self.module = torch.get_device_module(device)
        self.x = torch.zeros(4, 8, device=device)

    def calls(self):
        return [{"request": number, "value": value} for number, value in enumerate((1.0, 2.0, 3.0))]

    def key(self, call):
        return "k"

    def prepare(self, call):
        self.x.fill_(call["value"])

    def forward(self, call):
        return self.x * 2


scaled = Scaled


class ReadsBack(Scaled):
    def forward(self, call):
        return self.x * self.x.sum().item()  # MARK item


reads_back = ReadsBack


class Uploads(Scaled):
    def forward(self, call):
        return self.x * torch.tensor([2.0], device=self.device)  # MARK upload


uploads = Uploads


class LibraryOnlyInCapture(Scaled):
    def forward(self, call):
        if self.module.is_current_stream_capturing():
            return self.x @ self.x.t()  # MARK matmul
        return self.x.unsqueeze(1).mul(self.x.unsqueeze(0)).sum(-1)


library_only_in_capture = LibraryOnlyInCapture


class Forks(Scaled):
    join = False

    def setup(self, device):
        super().setup(device)
        self.side = torch.Stream(device=device)

    def forward(self, call):
        self.side.wait_stream(self.module.current_stream())
        with self.module.stream(self.side):
            y = self.x * 2
        if self.join:
            self.module.current_stream().wait_stream(self.side)
        return y


class ForksAndJoins(Forks):
    join = True


forks = Forks
forks_and_joins = ForksAndJoins


class OwnGenerator(Scaled):
    def setup(self, device):
        super().setup(device)
        self.generator = torch.Generator(device).manual_seed(1)

    def forward(self, call):
        self.generator.manual_seed(1) if not self.module.is_current_stream_capturing() else None
        return self.x * torch.rand(8, device=self.device, generator=self.generator)  # MARK generator


own_generator = OwnGenerator


class RaisesInCapture(Scaled):
    def forward(self, call):
        if self.module.is_current_stream_capturing():
            raise ValueError("no room for this shape")  # MARK raise
        return self.x * 2


raises_in_capture = RaisesInCapture


class LosesItsTable(Scaled):
    """The table is dropped after the capture and its memory given back to the driver."""

    keep = False
    captured = False
    table = None

    def prepare(self, call):
        super().prepare(call)
        if self.table is None and not self.captured:
            self.table = torch.ones(8 << 20, device=self.device)  # MARK table

    def forward(self, call):
        self.captured = self.module.is_current_stream_capturing()
        table = self.table if self.table is not None else self.x.flatten()
        return self.x * table[:8]  # MARK use

    def between(self, call):
        if self.captured and not self.keep:
            self.table = None  # MARK free
            self.module.empty_cache()


class KeepsItsTable(LosesItsTable):
    keep = True


loses_its_table = LosesItsTable
keeps_its_table = KeepsItsTable


class IndexGoesBad(Scaled):
    """An index that the host rebuilds: the graph reads the old buffer, which then holds garbage."""

    def setup(self, device):
        super().setup(device)
        self.rows = torch.arange(32.0, device=device).reshape(4, 8)
        self.index = torch.zeros(2, dtype=torch.int64, device=device)
        self.eager_left = 1 << 30

    def prepare(self, call):
        self.index.fill_(int(call["value"]) if self.eager_left > 0 else 99)

    def forward(self, call):
        if self.module.is_current_stream_capturing():
            self.eager_left = 0
        return self.rows.index_select(0, self.index)  # MARK select


index_goes_bad = IndexGoesBad


class FrozenFactor(Scaled):
    def prepare(self, call):
        self.factor = call["value"]
        self.x.fill_(1.0)

    def forward(self, call):
        return self.x * self.factor


class DeviceFactor(FrozenFactor):
    def setup(self, device):
        super().setup(device)
        self.on_device = torch.zeros((), device=device)

    def prepare(self, call):
        super().prepare(call)
        self.on_device.fill_(call["value"])

    def forward(self, call):
        return self.x * self.on_device


frozen_factor = FrozenFactor
device_factor = DeviceFactor


class StaleNaN(Scaled):
    """Reads a buffer that somebody else got in the meantime, and filled with NaN."""

    def setup(self, device):
        super().setup(device)
        self.scratch = torch.ones(4, 8, device=device)

    def forward(self, call):
        self.captured = self.module.is_current_stream_capturing()
        return self.x * self.scratch

    def between(self, call):
        if self.captured:
            self.scratch.fill_(float("nan"))
            self.captured = False


stale_nan = StaleNaN


class Cache(Scaled):
    """Writes row `slot` of a persistent cache; the slot is a Python number, or a tensor."""

    on_device = True

    def setup(self, device):
        super().setup(device)
        self.cache = torch.zeros(4, 8, device=device)
        self.slot = torch.zeros(1, dtype=torch.int64, device=device)

    def state(self):
        return {"cache": self.cache}

    def prepare(self, call):
        super().prepare(call)
        self.slot.fill_(call["request"])

    def forward(self, call):
        if self.on_device:
            self.cache.index_copy_(0, self.slot, self.x[:1])
        else:
            self.cache[call["request"]] = self.x[0]
        return self.x * 2


class CacheAtFrozenSlot(Cache):
    on_device = False


cache = Cache
cache_at_frozen_slot = CacheAtFrozenSlot


class Counts(Scaled):
    """Remembers something between calls, and says so, or not."""

    declared = True

    def setup(self, device):
        super().setup(device)
        self.count = torch.zeros(1, device=device)

    def state(self):
        return {"count": self.count} if self.declared else {}

    def calls(self):
        return [{"value": value} for value in (1.0, 2.0, 3.0)]

    def forward(self, call):
        self.count.add_(1)
        return self.x * self.count


class CountsInSecret(Counts):
    declared = False


counts = Counts
counts_in_secret = CountsInSecret


class OneCall(Scaled):
    def calls(self):
        return [{"value": 1.0}]


one_call = OneCall


class SameEverywhere(Scaled):
    def prepare(self, call):
        pass


same_everywhere = SameEverywhere


class ShapeChanges(Scaled):
    def forward(self, call):
        return self.x[: int(call["value"])] * 2


shape_changes = ShapeChanges


class NoTensors(Scaled):
    def forward(self, call):
        self.x.mul(2)
        return []


no_tensors = NoTensors


class FailsEagerly(Scaled):
    def forward(self, call):
        return self.x @ torch.zeros(3, 3, device=self.device)  # MARK eager


fails_eagerly = FailsEagerly


class NestedOutput(Scaled):
    def forward(self, call):
        return {"logits": self.x * 2, "more": [self.x + 1, (self.x.long(), self.x > 1)]}


nested_output = NestedOutput


class InPlaceOutput(Scaled):
    """Returns a buffer of its own, which it also reads: the tool must not poison it."""

    def setup(self, device):
        super().setup(device)
        self.sum = torch.zeros(4, 8, device=device)

    def state(self):
        return {"sum": self.sum}

    def forward(self, call):
        return self.sum.add_(self.x)


in_place_output = InPlaceOutput


def raises():
    raise RuntimeError("no such model")


def returns_nothing():
    return None


class SetupRaises(Scaled):
    def setup(self, device):
        raise FileNotFoundError("weights.bin is not there")


setup_raises = SetupRaises


class NoCalls(Scaled):
    def calls(self):
        return []


no_calls = NoCalls


class UnhashableKey(Scaled):
    def key(self, call):
        return [1]


unhashable_key = UnhashableKey
