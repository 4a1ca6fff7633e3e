"""Whole programs: training, modules, modes of torch, and transformers' models."""

import copy
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from imp_graphcheck.device import sim

D = "sim"


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3))


class TestTraining:
    """Autograd, optimizers and checkpoints work as on any device."""

    def train(self, device: str) -> tuple[float, list[torch.Tensor]]:
        model = network().to(device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        x = torch.randn(5, 6, generator=torch.Generator().manual_seed(1)).to(device)
        for _ in range(3):
            loss = model(x).square().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return loss.item(), [parameter.detach().cpu() for parameter in model.parameters()]

    def test_a_small_network(self, gpu: sim.Gpu) -> None:
        loss, parameters = self.train(D)
        expected_loss, expected = self.train("cpu")
        assert loss == pytest.approx(expected_loss, rel=1e-6)
        for one, other in zip(parameters, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)

    def test_attention_and_convolution_have_gradients(self, gpu: sim.Gpu) -> None:
        def gradients(device: str) -> list[torch.Tensor]:
            generator = torch.Generator().manual_seed(2)
            q = torch.randn(1, 2, 4, 8, generator=generator).to(device).requires_grad_()
            w = torch.randn(3, 2, 3, 3, generator=generator).to(device).requires_grad_()
            out = nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True)
            nn.functional.conv2d(out, w, bias=torch.ones(3, device=device)).square().sum().backward()
            return [q.grad.cpu(), w.grad.cpu()]  # type: ignore[union-attr]

        for one, other in zip(gradients(D), gradients("cpu"), strict=True):
            torch.testing.assert_close(one, other)

    def test_torch_func(self, gpu: sim.Gpu) -> None:
        x = torch.arange(4.0, device=D)
        assert torch.func.grad(lambda a: (a * a).sum())(x).tolist() == [0, 2, 4, 6]
        assert torch.func.vmap(lambda a: a * 2)(x).tolist() == [0, 2, 4, 6]


class TestModules:
    """Modules move, copy, save and load."""

    def test_round_trips(self, gpu: sim.Gpu) -> None:
        host = network()
        device = copy.deepcopy(host).to(D)
        twin = copy.deepcopy(device)
        assert {parameter.device.type for parameter in twin.parameters()} == {D}
        assert twin[0].weight.data_ptr() != device[0].weight.data_ptr()
        twin.load_state_dict(host.state_dict())
        assert twin.load_state_dict(device.state_dict(), assign=True).missing_keys == []
        empty = network().to("meta").to_empty(device=D)
        empty.load_state_dict(host.state_dict())
        for model in (device, twin, empty):
            for one, other in zip(model.parameters(), host.parameters(), strict=True):
                assert one.cpu().equal(other)

    def test_save_and_load(self, gpu: sim.Gpu) -> None:
        x = torch.arange(4.0, device=D)
        buffer = io.BytesIO()
        torch.save({"x": x, "view": x[1:]}, buffer)
        buffer.seek(0)
        loaded = torch.load(buffer)
        assert (loaded["x"].device.type, loaded["x"].tolist()) == (D, [0, 1, 2, 3])
        loaded["x"][1] = 9
        assert loaded["view"][0].item() == 9.0
        buffer.seek(0)
        assert torch.load(buffer, map_location="cpu")["x"].device.type == "cpu"


class TestModes:
    """Contexts of torch under which programs run."""

    def test_inference_mode(self, gpu: sim.Gpu, module: Any) -> None:
        graph = module.CUDAGraph()
        with torch.inference_mode():
            x = torch.arange(4.0, device=D)
            with module.graph(graph):
                y = (x + 1)[1:].mul_(2)
            graph.replay()
            assert y.tolist() == [4, 6, 8]
            assert x.resize_(8).shape == (8,)
            assert x.to(torch.int32).is_inference()
        q = torch.ones(1, 1, 2, 4, device=D)
        attended = nn.functional.scaled_dot_product_attention(q, q, q)
        assert attended.cpu().equal(q.cpu()), "the device works outside of the mode in which it began"

    def test_default_device(self, gpu: sim.Gpu) -> None:
        with torch.device(D):
            made = [torch.empty(2), torch.arange(3), torch.tensor([1.0]), nn.Linear(2, 2).weight]
        assert {tensor.device.type for tensor in made} == {D}
        torch.set_default_device(D)
        try:
            assert torch.ones(2).device.type == D
        finally:
            torch.set_default_device(None)
        assert torch.ones(2).device.type == "cpu"

    def test_autocast(self, gpu: sim.Gpu) -> None:
        model, x = nn.Linear(4, 4).to(D), torch.ones(1, 4, device=D)
        with torch.autocast(D, dtype=torch.bfloat16):
            assert model(x).dtype == torch.bfloat16
            assert (x + x).dtype == torch.float32

    def test_seeds(self, gpu: sim.Gpu, module: Any) -> None:
        def numbers() -> list[Any]:
            torch.manual_seed(7)
            drop = nn.functional.dropout(torch.ones(8, device=D))
            return [torch.rand(3, device=D), torch.randperm(5, device=D), drop, torch.bernoulli(drop / 2)]

        assert all(one.equal(other) for one, other in zip(numbers(), numbers(), strict=True))
        with torch.random.fork_rng(devices=[0], device_type=D):
            torch.rand(3, device=D)
        state = module.get_rng_state()
        first = torch.rand(3, device=D)
        module.set_rng_state(state)
        assert torch.rand(3, device=D).equal(first)


def test_what_a_reader_sees(gpu: sim.Gpu) -> None:
    x = torch.arange(2.0, device=D)
    assert repr(x) == "tensor([0., 1.], device='sim:0')"
    assert repr(torch.empty(0, device=D)) == "tensor([], device='sim:0')"
    assert (x.type(), x.is_sim, x.is_cuda, x.get_device()) == ("torch.sim.FloatTensor", True, False, 0)
    with pytest.raises(
        TypeError, match=r"can't convert sim:0 device type tensor to numpy. Use Tensor.cpu\(\)"
    ):
        x.numpy()
    assert torch.from_numpy(np.ones(2)).to(D).tolist() == [1.0, 1.0]
    assert [float(value) for value in x] == [0.0, 1.0]


def dense() -> nn.Module:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    return Qwen3ForCausalLM(Qwen3Config(**_SHAPE)).eval()


def mixture(experts: str) -> nn.Module:
    from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

    torch.manual_seed(0)
    config = Qwen3MoeConfig(**_SHAPE, moe_intermediate_size=32, num_experts=8, num_experts_per_tok=2)
    config._experts_implementation = experts
    return Qwen3MoeForCausalLM(config).eval()


_SHAPE = {
    "vocab_size": 128,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 64,
}


class TestTransformers:
    """Models that nobody here wrote, at tiny size and with random weights."""

    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("transformers")

    @pytest.mark.parametrize("attention", ["sdpa", "eager"])
    @pytest.mark.parametrize(
        ("build", "dtype"),
        [
            pytest.param(dense, torch.float32, id="dense"),
            pytest.param(dense, torch.bfloat16, id="dense-bf16"),
            pytest.param(lambda: mixture("eager"), torch.float32, id="moe"),
            pytest.param(lambda: mixture("batched_mm"), torch.float32, id="moe-batched"),
            pytest.param(lambda: mixture("grouped_mm"), torch.bfloat16, id="moe-grouped-bf16"),
        ],
    )
    def test_logits_and_tokens_are_the_hosts(
        self, gpu: sim.Gpu, attention: str, build: Callable[[], Any], dtype: torch.dtype
    ) -> None:
        model = build().to(dtype)
        model.set_attn_implementation(attention)
        tokens = torch.randint(0, 128, (2, 12), generator=torch.Generator().manual_seed(3))
        with torch.inference_mode():
            expected = model(tokens).logits
            continued = model.generate(tokens, max_new_tokens=3, do_sample=False)
            model.to(D)
            assert model(tokens.to(D)).logits.cpu().equal(expected)
            generated = model.generate(tokens.to(D), max_new_tokens=3, do_sample=False)
        assert generated.cpu().equal(continued)

    def test_a_captured_prefill_is_the_eager_one(self, gpu: sim.Gpu, module: Any) -> None:
        model: Any = dense().to(D)
        tokens = torch.zeros(1, 8, dtype=torch.long, device=D)
        positions = torch.arange(8, device=D)[None]
        mask = torch.full((8, 8), float("-inf"), device=D).triu(1)[None, None]
        graph = module.CUDAGraph()

        def forward() -> torch.Tensor:
            out = model(tokens, position_ids=positions, attention_mask=mask, use_cache=False)
            return out.logits  # type: ignore[no-any-return]

        with torch.inference_mode():
            forward()
            with module.graph(graph):
                logits = forward()
            for seed in (1, 2):
                tokens.copy_(torch.randint(0, 128, (1, 8), generator=torch.Generator().manual_seed(seed)))
                graph.replay()
                assert logits.cpu().equal(forward().cpu())
