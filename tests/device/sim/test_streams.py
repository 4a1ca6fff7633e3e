"""Streams, events and torch's device-generic names for them."""

import pickle
from typing import Any

import pytest
import torch

from imp_graphcheck.device import sim
from imp_graphcheck.device.sim.queues import QUERIES_BEFORE_PROGRESS

D = "sim"


class TestOrder:
    """What runs when."""

    def test_a_held_stream_keeps_its_work_until_somebody_waits(self, gpu: sim.Gpu, module: Any) -> None:
        stream, x = module.Stream(), torch.zeros(1, device=D)
        address = x.data_ptr()
        with module.stream(stream):
            module._sleep(1)
            x.add_(1)
        content = gpu.arena.view(address, torch.float32, (1,), (1,))
        assert (content.item(), stream.query()) == (0.0, False)
        stream.synchronize()
        assert (content.item(), stream.query()) == (1.0, True)

    def test_other_streams_run_on(self, module: Any) -> None:
        stream, x = module.Stream(), torch.zeros(1, device=D)
        with module.stream(stream):
            module._sleep(1)
            x.fill_(5)
        x.fill_(7)
        assert x.item() == 7.0
        stream.synchronize()
        assert x.item() == 5.0

    def test_a_stream_waits_for_an_event_of_another(self, module: Any) -> None:
        first, second, x = module.Stream(), module.Stream(), torch.zeros(1, device=D)
        with module.stream(first):
            module._sleep(1)
            x.fill_(3)
        second.wait_stream(first)
        with module.stream(second):
            x.mul_(2)
        second.synchronize()
        assert x.item() == 6.0

    def test_an_event_recorded_again_elsewhere_does_not_release_an_older_wait(self, module: Any) -> None:
        slow, other, waiter = module.Stream(), module.Stream(), module.Stream()
        x, event = torch.zeros(1, device=D), module.Event()
        with module.stream(slow):
            module._sleep(1)
            x.fill_(3)
        event.record(slow)
        waiter.wait_event(event)
        with module.stream(waiter):
            x.mul_(2)
        event.record(other)
        assert event.query()
        assert not waiter.query()
        waiter.synchronize()
        assert x.item() == 6.0

    def test_waiting_for_the_device_waits_for_everything(self, module: Any) -> None:
        streams, x = [module.Stream() for _ in range(3)], torch.zeros(1, device=D)
        for stream in streams:
            with module.stream(stream):
                module._sleep(1)
                x.add_(1)
        module.synchronize()
        assert x.item() == 3.0

    def test_a_polling_loop_ends(self, module: Any) -> None:
        stream, event = module.Stream(), module.Event()
        with module.stream(stream):
            module._sleep(1)
            event.record()
        polls = 0
        while not event.query():
            polls += 1
        assert polls == QUERIES_BEFORE_PROGRESS - 1


class TestEvents:
    """Recordings and the time between them."""

    def test_never_recorded_is_complete(self, module: Any) -> None:
        event = module.Event()
        event.synchronize()
        assert event.query()

    def test_elapsed_time(self, module: Any) -> None:
        start, end = module.Event(enable_timing=True), module.Event(enable_timing=True)
        start.record()
        with pytest.raises(torch.AcceleratorError, match="invalid resource handle"):
            start.elapsed_time(end)
        module._sleep(1)
        end.record()
        with pytest.raises(torch.AcceleratorError, match="not ready"):
            start.elapsed_time(end)
        module.synchronize()
        assert 0 < start.elapsed_time(end) < 10_000
        with pytest.raises(ValueError, match="enable_timing=True"):
            start.elapsed_time(module.Event())

    def test_record_event_of_a_stream(self, module: Any) -> None:
        stream = module.Stream()
        event = stream.record_event()
        module.current_stream().wait_event(event)
        assert event.query()


class TestCurrentStream:
    """Each thread has one, and contexts nest."""

    def test_nested_contexts(self, module: Any) -> None:
        outer, inner = module.Stream(), module.Stream()
        with module.stream(outer):
            with inner, outer, inner:
                assert module.current_stream().stream_id == inner.stream_id
            assert module.current_stream().stream_id == outer.stream_id
            with module.stream(None):
                assert module.current_stream().stream_id == outer.stream_id
        assert module.current_stream().stream_id == 0

    def test_a_new_device_starts_on_the_default_stream(self, module: Any) -> None:
        module.set_stream(module.Stream())
        before = module.current_stream().stream_id
        sim.reset()
        assert module.current_stream().stream_id == 0
        assert module.Stream().stream_id > before, "an old stream is never taken for a new one"


class TestGenericNames:
    """torch.Stream and its like find our device, and leave every other as it was."""

    def test_stream(self, module: Any) -> None:
        for stream in (torch.Stream(D), torch.Stream(device="sim:0"), torch.Stream()):
            assert isinstance(stream, module.Stream)
            assert isinstance(stream, torch.Stream)
            assert stream.device == torch.device("sim:0")
        assert issubclass(module.Stream, torch.Stream)
        host = torch.Stream("cpu")
        assert isinstance(host, torch.Stream)
        assert not isinstance(host, module.Stream)
        assert host.device.type == "cpu"

    def test_stream_as_context(self, module: Any) -> None:
        with torch.Stream(D) as stream:
            assert torch.accelerator.current_stream() == stream
        assert torch.accelerator.current_stream().stream_id == 0

    def test_event(self, module: Any) -> None:
        event = torch.Event(D, enable_timing=True)
        assert isinstance(event, torch.Event)
        event.record()
        event.synchronize()
        assert event.query()
        torch.Stream(D).wait_event(event)

    def test_accelerator(self, gpu: sim.Gpu, module: Any) -> None:
        accelerator = torch.accelerator
        assert accelerator.current_accelerator() == torch.device(D)
        assert (accelerator.is_available(), accelerator.device_count()) == (True, 1)
        stream = torch.Stream(D)
        accelerator.set_stream(stream)
        assert accelerator.current_stream() == stream
        x = torch.ones(4 << 20, device=D)
        assert accelerator.memory_allocated() == 16 << 20
        assert accelerator.memory_reserved() == 16 << 20
        accelerator.synchronize()
        del x
        accelerator.empty_cache()
        assert accelerator.memory_reserved() == 0

    def test_generator(self, module: Any) -> None:
        host, device = torch.Generator(), torch.Generator(device=D)
        assert (host.device.type, device.device.type) == ("cpu", D)
        assert isinstance(host, torch.Generator)
        assert isinstance(device, torch.Generator)
        host.manual_seed(3)
        state = pickle.loads(pickle.dumps(host.get_state()))  # noqa: S301 - our own bytes
        first = torch.rand(3, generator=host)
        host.set_state(state)
        assert torch.rand(3, generator=host).equal(first)
        assert torch.rand(3, generator=device.manual_seed(3), device=D).cpu().equal(first)

    def test_factories_of_the_host_are_untouched(self, module: Any) -> None:
        assert torch.empty(2, 3, dtype=torch.int8).shape == (2, 3)
        assert torch.zeros(2, pin_memory=False).device.type == "cpu"
        assert torch.UntypedStorage(16).nbytes() == 16
        assert torch.UntypedStorage([1, 2, 3]).tolist() == [1, 2, 3]
        assert torch.UntypedStorage(8, device="meta").device.type == "meta"

    def test_module_of_the_device(self, module: Any) -> None:
        assert torch.sim is module  # type: ignore[attr-defined]
        assert (module.is_available(), module.device_count(), module.current_device()) == (True, 1, 0)
        assert module.get_device_name()
        free, total = module.mem_get_info()
        assert free == total
        with module.device(0):
            assert torch.ones(1, device=D).get_device() == 0


def test_what_was_queued_draws_with_the_seed_it_was_queued_with(module: Any) -> None:
    """A launch on a GPU carries its seed: a later one, set while the device is behind, is not for it."""
    module.manual_seed(1)
    expected = torch.rand(4, device="sim").cpu()
    module.manual_seed(1)
    module._sleep(1)
    drawn = torch.rand(4, device="sim")
    module.manual_seed(2)
    assert torch.equal(drawn.cpu(), expected)
