"""Operators give on the software GPU what they give on the CPU, bit for bit: eagerly, and captured and replayed."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imp_graphcheck.device import sim

D = "sim"
F = torch.nn.functional

Inputs = tuple[torch.Tensor, ...]
Operator = Callable[..., Any]


def random(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape))).to(dtype)


X, Y, I = random(4, 6), random(4, 6, seed=1), torch.tensor([0, 2, 2, 1])  # noqa: E741 - indices
WEIGHT, BIAS, IMAGE = random(6), random(6, seed=1), random(1, 3, 8, 8)
Q, GROUPED = random(2, 4, 8, 16), random(2, 2, 8, 16)
COMPLEX = torch.complex(random(3, 4), random(3, 4, seed=1))
HALF, BF16 = X.half(), X.bfloat16()
BATCH = random(2, 3, 4)


def on(like: torch.Tensor, made: Callable[..., torch.Tensor], *args: Any, **options: Any) -> torch.Tensor:
    return made(*args, device=like.device, **options)


def after(tensor: torch.Tensor, *_: object) -> torch.Tensor:
    """`tensor`, once the other arguments (calls in place) have been evaluated."""
    return tensor


OPERATORS: dict[str, tuple[Operator, Inputs]] = {
    # arithmetic and promotion
    "add": (lambda a, b: a + b, (X, Y)),
    "add broadcast": (lambda a, b: a + b, (X, WEIGHT)),
    "add alpha": (lambda a, b: torch.add(a, b, alpha=2), (X, Y)),
    "host scalar": (lambda a: a * torch.tensor(3.0), (X,)),
    "host double scalar keeps the type": (lambda a: a * torch.tensor(3.0, dtype=torch.float64), (X,)),
    "int and float": (lambda a: a + 1.5, (I,)),
    "int8 and int64": (lambda a, b: a + b, (I.to(torch.int8), I)),
    "half and float": (lambda a, b: a * b, (HALF, X)),
    "bfloat16 and number": (lambda a: a * 0.1, (BF16,)),
    "number minus": (lambda a: 1 - a, (X,)),
    "number divided": (lambda a: 1 / a, (X,)),
    "integer division": (lambda a: a // 2, (I.to(torch.uint8),)),
    "true division of integers": (lambda a: a / 2, (I,)),
    "remainder": (lambda a: a % 0.3, (X,)),
    "remainder of integers": (lambda a: a % 3, (I,)),
    "bits": (lambda a: ((a >> 1) & 3) ^ 5 | 8, (I.to(torch.uint8),)),
    "bits in place": (lambda a: a.bitwise_and_(2), (I,)),
    "not": (lambda a: ~(a > 1), (I,)),
    "comparison": (lambda a, b: (a <= b, a == 0, a.ne(b)), (X, Y)),
    "power": (lambda a: (a.pow(2), torch.pow(2.0, a)), (X,)),
    "clamp": (lambda a, b: (a.clamp(-0.5, 0.5), a.clamp(min=b)), (X, Y)),
    "lerp, addcmul": (lambda a, b: (a.lerp(b, 0.3), torch.addcmul(a, a, b, value=0.3)), (X, Y)),
    "nan": (lambda a: ((a / 0).nan_to_num(), (a / 0 - a / 0).isnan()), (X,)),
    "copysign and fmod by a number": (lambda a: (a.copysign(-1.0), a.fmod(0.3), torch.xlogy(a, 2.0)), (X,)),
    # in place, out= and views
    "in place": (lambda a: a.add_(1).mul_(2), (X,)),
    "in place on a view": (lambda a: after(a, a[1:3].add_(1)), (X,)),
    "in place on a transposed view": (lambda a: after(a, a.t()[1].zero_()), (X,)),
    "out": (lambda a: torch.add(a, a, out=on(a, torch.empty, 4, 6)), (X,)),
    "out that grows": (lambda a: torch.add(a, a, out=on(a, torch.empty, 0)), (X,)),
    "out of topk": (
        lambda a: torch.topk(a, 3, out=(on(a, torch.empty, 0), on(a, torch.empty, 0, dtype=torch.long))),
        (X,),
    ),
    "out with other strides": (lambda a: torch.add(a, a, out=on(a, torch.empty, 6, 4).t()), (X,)),
    "out of sum": (lambda a: torch.sum(a, 1, out=on(a, torch.empty, 4)), (X,)),
    "transposed": (lambda a: a.t() + 1, (X,)),
    "expanded": (lambda a: a[:1].expand(5, 6) * 2, (X,)),
    "as_strided": (lambda a: a.as_strided((3, 3), (1, 2), 1) * 2, (X,)),
    "unfold": (lambda a: a.unfold(1, 3, 2).clone(), (X,)),
    "view as other type": (lambda a: (a.view(torch.int32), a.view(torch.uint8)), (X,)),
    "chunk, split, unbind": (lambda a: (a.chunk(2, 1), [part * 2 for part in a.split(3)], a.unbind(0)), (X,)),
    "reshape that copies": (lambda a: a.t().reshape(-1), (X,)),
    "movedim": (lambda a: a.movedim(0, 1) + 0, (X,)),
    "fill": (lambda a: (a.fill_(3), a.clone().fill_(torch.tensor(4.0))), (X,)),
    "assignment": (lambda a: after(a, a.__setitem__((slice(None), 1), 7)), (X,)),
    "copy broadcast": (lambda a, b: a.copy_(b[0]), (X, Y)),
    "copy of other layout": (lambda a, b: a.t().copy_(b.t().contiguous()), (X, Y)),
    "clone channels last": (lambda a: a.clone(memory_format=torch.channels_last), (IMAGE,)),
    "resize": (lambda a: a.clone().resize_(2, 3), (X,)),
    "set data": (lambda a, b: after(a, setattr(a, "data", b * 2)), (X, Y)),
    # selection
    "index": (lambda a, i: (a[i], a[i, i], a[:, i]), (X, I)),
    "index_put": (lambda a, i: a.index_put_((i[:2],), on(a, torch.ones, 6)), (X, I)),
    "index_put accumulate": (lambda a, i: a.index_put((i,), on(a, torch.ones, 4, 6), accumulate=True), (X, I)),
    "number through a mask": (lambda a: after(a, a.__setitem__(a > 0, 0.5)), (X,)),
    "number through a mask of rows": (lambda a, i: after(a, a.__setitem__(i > 1, 0.5)), (X, I)),
    "gather": (lambda a, i: a.gather(1, i[:, None]), (X, I)),
    "take_along_dim": (lambda a, i: torch.take_along_dim(a, i[:, None], 1), (X, I)),
    "scatter": (lambda a, i: (a.scatter(1, i[:, None], 5.0), a.scatter_add(1, i[:, None], a)), (X, I)),
    "scatter in place": (lambda a, i: a.scatter_(1, i[:, None], 5.0), (X, I)),
    "scatter_reduce": (lambda a, i: a.scatter_reduce(1, i[:, None], a, "amax"), (X, I)),
    "index_add, index_select": (lambda a, i: (a.index_add(0, i, a), a.index_select(0, i)), (X, I)),
    "index_copy in place": (lambda a, i: a.index_copy_(0, i[:2], a[2:] * 2), (X, I)),
    "where": (lambda a, b: (torch.where(a > 0, a, b), torch.where(a > 0, a, 0.0)), (X, Y)),
    "masked_fill": (lambda a: (a.masked_fill(a > 0, -1), a.masked_fill_(a > 0, torch.tensor(-1.0))), (X,)),
    "repeat_interleave": (
        lambda a, i: (torch.repeat_interleave(a, i, dim=0, output_size=5), a.repeat_interleave(2, 0)),
        (X, I),
    ),
    "one_hot": (lambda i: F.one_hot(i, 4), (I,)),
    "embedding": (lambda w, i: (F.embedding(i, w), F.embedding_bag(i[None], w, mode="sum")), (X, I)),
    "searchsorted": (lambda a, b: torch.searchsorted(a.sort(-1)[0], b), (X, Y)),
    # order and reduction
    "topk, sort": (lambda a: (torch.topk(a, 3), torch.sort(a, stable=True)), (X,)),
    "argsort": (lambda a: torch.argsort(a, dim=-1, stable=True, descending=True), (X,)),
    "cumulative": (lambda a: (a.cumsum(0), a.cumprod(1), a.cummax(0), a.logcumsumexp(1)), (X,)),
    "extremes": (lambda a: (a.max(1), a.max(), a.argmax(-1), a.amax(-1, keepdim=True), a.aminmax()), (X,)),
    "sums": (lambda a: (a.sum(), a.sum((0, 1)), a.mean(dtype=torch.float64), a.prod(1)), (X,)),
    "spread": (lambda a: (torch.var_mean(a, 1), a.std(), a.norm(), a.logsumexp(1)), (X,)),
    "order statistics": (lambda a: (a.median(), a.median(1), a.kthvalue(2, 1), a.quantile(0.3)), (X,)),
    "any, all": (lambda a: ((a > 0).any(), (a > 0).all(1)), (X,)),
    "histogram": (lambda a: torch.histc(a, 4, -1, 1), (X,)),
    # layers
    "softmax": (lambda a: (a.softmax(-1), a.log_softmax(0)), (X,)),
    "softmax into float": (lambda a: a.softmax(-1, dtype=torch.float32), (HALF,)),
    "layer_norm": (lambda a, w, b: F.layer_norm(a, (6,), w, b), (X, WEIGHT, BIAS)),
    "rms_norm": (lambda a, w: F.rms_norm(a, (6,), w, 1e-6), (X, WEIGHT)),
    "group_norm": (lambda a: F.group_norm(a, 2), (random(2, 4, 3),)),
    "batch_norm": (lambda a, m, v: F.batch_norm(a, m, v), (BATCH, random(3), random(3).abs())),
    "batch_norm in training": (
        lambda a, m, v: (F.batch_norm(a, m, v, training=True), m, v),
        (BATCH, random(3), random(3).abs()),
    ),
    "attention": (lambda q: F.scaled_dot_product_attention(q, q, q, is_causal=True), (Q,)),
    "attention with a mask": (
        lambda q, m: F.scaled_dot_product_attention(q, q, q, attn_mask=m),
        (Q, torch.ones(8, 8).tril().bool()),
    ),
    "grouped attention": (lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True), (Q, GROUPED)),
    "attention in bfloat16": (lambda q: F.scaled_dot_product_attention(q, q, q), (Q.bfloat16(),)),
    "activations": (lambda a: (F.silu(a), F.gelu(a, approximate="tanh"), a.sigmoid(), F.glu(a)), (X,)),
    "activation in place": (lambda a: F.silu(a, inplace=True), (X,)),
    "losses": (lambda a, i: (F.cross_entropy(a, i), F.mse_loss(a, a * 2)), (X, I)),
    "dropout outside training": (lambda a: F.dropout(a, 0.5, training=False), (X,)),
    # products
    "matmul": (lambda a, b: (a @ b.t(), a[0] @ b[0], a @ b[0]), (X, Y)),
    "matmul of batches": (lambda a, b: a @ b, (random(2, 3, 4, 5), random(5, 6))),
    "mm out": (lambda a, b: torch.mm(a, b.t(), out=on(a, torch.empty, 4, 4)), (X, Y)),
    "addmm, baddbmm": (
        lambda a, b, c: (torch.addmm(c[:4], a, b.t()), torch.baddbmm(c[:1], a[None], b.t()[None])),
        (X, Y, WEIGHT),
    ),
    "linear": (lambda a, w, b: F.linear(a, w, b[:4]), (BATCH[..., :3].repeat(1, 1, 2), Y, BIAS)),
    "products in bfloat16": (lambda a: (a @ a.t(), F.linear(a, a)), (BF16,)),
    "products in half": (lambda a: a @ a.t(), (HALF,)),
    "int8 product": (lambda a: torch._int_mm(a, a.t()), (random(32, 32).to(torch.int8),)),
    "grouped product": (
        lambda a, b, o: torch._grouped_mm(a, b, offs=o),
        (random(16, 16, dtype=torch.bfloat16), random(2, 16, 16, dtype=torch.bfloat16), torch.tensor([8, 16], dtype=torch.int32)),
    ),
    "einsum": (lambda a, b: torch.einsum("bhqd,bhkd->bhqk", a, b), (Q, Q * 2)),
    "outer, kron": (lambda a: (torch.outer(a[0], a[1]), torch.kron(a[:2, :2], a)), (X,)),
    "convolution": (lambda a, w: F.conv2d(a, w, padding=1), (IMAGE, random(4, 3, 3, 3))),
    "convolution by channel": (lambda a, w: F.conv1d(a, w, padding=1, groups=3), (IMAGE[:, :, 0], random(3, 1, 3))),
    "transposed convolution": (lambda a, w: F.conv_transpose2d(a, w), (IMAGE, random(3, 4, 3, 3))),
    # types
    "conversions": (lambda a: (a.half(), a.bfloat16(), a.double(), a.int(), a.bool(), a.long().bool()), (X,)),
    "float8": (lambda a: a.to(torch.float8_e4m3fn).float(), (X,)),
    "bytes of float8": (lambda a: a.to(torch.float8_e5m2).view(torch.uint8), (X,)),
    "complex": (lambda a: (a * a.conj(), a.abs(), a.real, a.imag * 2), (COMPLEX,)),
    "view_as_real": (lambda a: (torch.view_as_real(a * 2), torch.view_as_complex(a.abs().view(3, 2, 2))), (COMPLEX,)),
    "polar": (lambda a: torch.polar(torch.ones_like(a), a), (X,)),
    "fourier": (lambda a: (torch.fft.fft(a), torch.fft.rfft(a)), (X,)),
    # without elements, and with one
    "empty": (lambda a: (a + 1, a.sum(0), a.t() @ a, torch.cat([a, a]), a.softmax(-1)), (torch.empty(0, 3),)),
    "one element": (lambda a: (a + 1, a.sum(), a.view(1), a.expand(3)), (torch.tensor(2.0),)),
    # lists
    "cat, stack": (lambda a, b: (torch.cat([a, b], 1), torch.stack([a, b])), (X, Y)),
    "foreach": (lambda a, b: (torch._foreach_add([a, b], 1.0), torch._foreach_mul([a, b], [b, a])), (X, Y)),
    "foreach in place": (lambda a, b: after(a, torch._foreach_mul_([a, b], 2.0)), (X, Y)),
    "foreach of numbers": (lambda a, b: (torch._foreach_mul([a, b], [2.0, 3.0]), torch._foreach_norm([a, b])), (X, Y)),
    "foreach copy": (lambda a, b: after(a, torch._foreach_copy_([a], [b])), (X, Y)),
    "meshgrid, block_diag": (lambda a: (torch.meshgrid(a[0], a[1], indexing="ij"), torch.block_diag(a, a)), (X,)),
    # shape
    "roll, flip, tril": (lambda a: (a.roll(1, 0), a.flip(0), a.tril(), a.triu()), (X,)),
    "pad": (lambda a: (F.pad(a, (1, 2)), F.pad(a[None], (1, 2), mode="reflect")), (X,)),
    "repeat, diag": (lambda a: (a.repeat(2, 2), a[:, :4].diag(), a.diag_embed()), (X,)),
    "interpolate, pool": (lambda a: (F.interpolate(a, scale_factor=2, mode="bilinear"), F.max_pool2d(a, 2)), (IMAGE,)),
    # creation
    "like": (lambda a: (torch.zeros_like(a), torch.full_like(a, 3), a.new_zeros(3), a.new_full((2,), 4)), (X,)),
    "arange, linspace": (lambda a: (on(a, torch.arange, 5), on(a, torch.arange, 0, 5, 0.5), on(a, torch.linspace, 0, 1, 5)), (X,)),
    "eye, ones, full": (lambda a: (on(a, torch.eye, 3), on(a, torch.ones, 3), on(a, torch.full, (3,), 2)), (X,)),
}  # fmt: skip

HOST: dict[str, tuple[Operator, Inputs]] = {
    "mask": (lambda a: (a[a > 0], a.masked_select(a > 0)), (X,)),
    "assignment through a mask": (lambda a: after(a, a.__setitem__(a > 0, a[a > 0] * 2)), (X,)),
    "mask beside a slice": (lambda a, i: a[i > 1, 1:], (X, I)),
    "nonzero": (lambda a: ((a > 0).nonzero(), torch.where(a > 0), (a > 0).argwhere()), (X,)),
    "nonzero out": (
        lambda a: torch.nonzero(a > 0, out=on(a, torch.empty, 0, dtype=torch.long)).contiguous(),
        (X,),
    ),
    "unique": (lambda i: i.unique(return_counts=True), (I,)),
    "bincount": (lambda i: i.bincount(), (I,)),
    "repeat_interleave": (lambda a, i: torch.repeat_interleave(a, i, dim=0), (X, I)),
    "masked_scatter": (lambda a, b: a.masked_scatter(a > 0, b), (X, Y)),
    "list and host index": (lambda a: (a[[0, 1]], a[torch.tensor([2])]), (X,)),
    "item": (lambda a: (a.sum().item(), bool((a > 0).any()), a.tolist(), float(a[0, 0])), (X,)),
    "equal": (lambda a, b: (torch.equal(a, b), torch.allclose(a, a)), (X, Y)),
    "decompositions": (lambda a: torch.linalg.cholesky(a @ a.t() + 4 * on(a, torch.eye, 4)), (X,)),
    "inverse": (lambda a: (torch.linalg.inv(a[:, :4]), torch.linalg.solve(a[:, :4], a)), (X,)),
}


def leaves(value: Any) -> list[Any]:
    """`value` without the lists and tuples around its parts."""
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list | tuple) else [value]


def assert_same(expected: Any, actual: Any) -> None:
    """Same structure, layout, type and bytes."""
    expected, actual = leaves(expected), leaves(actual)
    assert len(expected) == len(actual)
    for one, other in zip(expected, actual, strict=True):
        if not isinstance(one, torch.Tensor):
            assert one == other
            continue
        assert other.device.type == D
        assert (other.dtype, other.shape, other.stride()) == (one.dtype, one.shape, one.stride())
        assert torch.equal(as_bytes(one), as_bytes(other.cpu())), (one, other)


def as_bytes(tensor: torch.Tensor) -> torch.Tensor:
    flat = tensor.resolve_conj().resolve_neg().reshape(-1).clone()
    return flat.as_strided((flat.numel(),), (1,)).view(torch.uint8)  # one element may have any stride


@pytest.mark.parametrize("name", [*OPERATORS, *HOST])
def test_eagerly(gpu: sim.Gpu, name: str) -> None:
    operator, inputs = (OPERATORS | HOST)[name]
    expected = operator(*(tensor.clone() for tensor in inputs))
    assert_same(expected, operator(*(tensor.to(D) for tensor in inputs)))


@pytest.mark.parametrize("name", OPERATORS)
def test_captured_and_replayed(module: Any, name: str) -> None:
    operator, inputs = OPERATORS[name]
    expected = operator(*(tensor.clone() for tensor in inputs))
    operator(*(tensor.to(D) for tensor in inputs))
    on_device = [tensor.to(D) for tensor in inputs]
    graph = module.CUDAGraph()
    with module.graph(graph):
        out = operator(*on_device)
    results = [leaf for leaf in leaves(out) if isinstance(leaf, torch.Tensor)]
    for tensor in results:
        if tensor.data_ptr() not in [source.data_ptr() for source in on_device] and tensor.is_contiguous():
            tensor.fill_(1)
    for tensor, content in zip(on_device, inputs, strict=True):
        if tensor.shape == content.shape:
            tensor.copy_(content)
    for _ in range(1 if "in" in name.split() or "fill" in name else 2):
        graph.replay()
    assert_same(expected, out)


SHAPES = st.lists(st.integers(0, 4), min_size=0, max_size=3)


@pytest.mark.usefixtures("gpu")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=SHAPES,
    dims=st.permutations(range(3)),
    start=st.integers(0, 2),
    ones=st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_any_shape_and_any_view(shape: list[int], dims: list[int], start: int, ones: list[bool]) -> None:
    host = random(5, 5, 5)
    view = tuple(slice(start % (5 - size + 1), start % (5 - size + 1) + size) for size in shape)
    order = [dim for dim in dims if dim < max(len(shape), 0)] + list(range(len(shape), 3))
    other = torch.ones(
        [1 if one else size for one, size in zip(ones, (host[view].permute(order)).shape, strict=True)]
    )
    expected, device = host[view].permute(order), host.to(D)[view].permute(order)
    assert_same(expected * 2, device * 2)
    assert_same(expected + other, device + other.to(D))
    assert_same(expected.contiguous(), device.contiguous())
    assert_same(expected.sum(0), device.sum(0))
    assert_same(expected.reshape(-1), device.reshape(-1))


class TestCustomOperators:
    """Operators of a library, of which only the host has a kernel."""

    def test_with_a_fake(self, module: Any) -> None:
        @torch.library.custom_op("imp_sim_tests::twice", mutates_args=(), device_types="cpu")
        def twice(x: torch.Tensor) -> torch.Tensor:
            return x * 2

        @twice.register_fake
        def _(x: torch.Tensor) -> torch.Tensor:
            return torch.empty_like(x)

        self.check(module, twice, X, X * 2)

    def test_without_a_fake(self, module: Any) -> None:
        @torch.library.custom_op("imp_sim_tests::pick", mutates_args=(), device_types="cpu")
        def pick(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
            return x[index].clone()

        index = I.to(D)
        self.check(module, lambda x: pick(x, index), X, X[I])

    def test_that_writes_its_argument(self, module: Any) -> None:
        @torch.library.custom_op("imp_sim_tests::bump", mutates_args=("x",), device_types="cpu")
        def bump(x: torch.Tensor) -> None:
            x.add_(1)

        x = X.to(D)
        bump(x)
        assert_same(X + 1, x)

    def test_for_any_device(self, module: Any) -> None:
        @torch.library.custom_op("imp_sim_tests::thrice", mutates_args=())
        def thrice(x: torch.Tensor) -> torch.Tensor:
            return x * 3

        self.check(module, thrice, X, X * 3)

    def test_with_a_number_that_decides_the_type(self, module: Any) -> None:
        @torch.library.custom_op("imp_sim_tests::scaled", mutates_args=(), device_types="cpu")
        def scaled(x: torch.Tensor, factor: torch.types.Number) -> torch.Tensor:
            return x * factor

        @scaled.register_fake
        def _(x: torch.Tensor, factor: torch.types.Number) -> torch.Tensor:
            return torch.empty_like(x, dtype=torch.result_type(x, factor))

        device = I.to(D)
        for factor in (2, 2.0, True, 1, 1.0):
            assert_same(I * factor, scaled(device, factor))

    def check(
        self, module: Any, op: Any, x: torch.Tensor, expected: torch.Tensor, on_host: bool = False
    ) -> None:
        device = x.to(D)
        assert_same(expected, op(device))
        graph = module.CUDAGraph()
        with module.graph(graph):
            y = op(device)
        graph.replay()
        assert_same(expected, y)


def test_tensors_of_two_devices_do_not_mix(gpu: sim.Gpu) -> None:
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        X.to(D) + X
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        torch.cat([X.to(D), X])


def test_an_error_of_the_program_is_torchs_own(gpu: sim.Gpu) -> None:
    with pytest.raises(RuntimeError, match="must match the size of tensor b"):
        X.to(D) + random(5, 5).to(D)
    with pytest.raises(IndexError, match="Dimension out of range"):
        X.to(D).sum(7)
    assert gpu.fault is None


def test_shapes_follow_the_default_type(gpu: sim.Gpu) -> None:
    numbers = I.to(D)
    assert torch.angle(numbers).dtype == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.angle(numbers).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_out_of_the_wrong_shape_is_resized_and_harms_nobody(gpu: sim.Gpu) -> None:
    out, neighbour = torch.zeros(2, device=D), torch.zeros(1000, device=D)
    x = torch.ones(1000, device=D)
    torch.add(x, x, out=out)
    assert (out.tolist(), neighbour.sum().item()) == ([2.0] * 1000, 0.0)


@pytest.mark.parametrize("kind", [torch.nn.GRUCell, torch.nn.LSTMCell])
@pytest.mark.parametrize("bias", [True, False])
def test_recurrent_cells(module: Any, kind: Any, bias: bool) -> None:
    torch.manual_seed(0)
    on_host = kind(6, 5, bias=bias)
    on_device = kind(6, 5, bias=bias, device=D)
    on_device.load_state_dict(on_host.state_dict())
    with torch.no_grad():
        expected, x = on_host(X), X.to(D)
        graph = module.CUDAGraph()
        on_device(x)
        with module.graph(graph):
            captured = on_device(x)
        graph.replay()
        for found in (on_device(x), captured):
            torch.testing.assert_close(torch.stack([*_each(found)]).cpu(), torch.stack([*_each(expected)]))


def _each(output: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return output if isinstance(output, tuple) else (output,)
