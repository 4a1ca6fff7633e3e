"""Lives of allocations, put together from the allocator's events and segments."""

from typing import Any

from imp_graphcheck.device.cuda.memory_history import Allocation, allocations
from imp_graphcheck.device.cuda.sites import site_of_recorded


def frame(file: str, line: int, name: str = "f") -> dict[str, Any]:
    return {"filename": file, "line": line, "name": name}


def event(action: str, address: int, size: int, line: int = 1, **more: Any) -> dict[str, Any]:
    return {"action": action, "addr": address, "size": size, "frames": [frame("/app/model.py", line)], **more}


def segment(address: int, size: int, pool: tuple[int, int] = (0, 0), *blocks: Any) -> dict[str, Any]:
    return {"address": address, "total_size": size, "segment_pool_id": pool, "blocks": list(blocks)}


def lines(life: Allocation) -> tuple[int | None, int | None]:
    sites = life.allocation_site, life.free_site
    return tuple(site and site.line for site in sites)  # type: ignore[return-value]


def test_a_block_that_is_freed_and_handed_out_again_has_two_lives() -> None:
    events = [
        event("segment_alloc", 4096, 2048),
        event("alloc", 4096, 512, line=10),
        event("free_requested", 4096, 512, line=20),
        event("free_completed", 4096, 512, line=20),
        event("alloc", 4096, 256, line=30),
    ]
    first, second = allocations(events, [segment(4096, 2048, (0, 3))])
    assert (first.generation, first.freed, lines(first)) == (0, True, (10, 20))
    assert (second.generation, second.freed, lines(second)) == (1, False, (30, None))
    assert second.size_bytes == 256
    assert first.pool == second.pool == (0, 3)


def test_a_segment_that_goes_unmaps_what_lay_in_it_and_nothing_else() -> None:
    events = [
        event("alloc", 4096, 512),
        event("alloc", 5120, 512),
        event("alloc", 8192, 512),
        event("free_requested", 4096, 512),
        event("free_requested", 5120, 512),
        event("segment_free", 4096, 2048),
        event("alloc", 4096, 512),
    ]
    lives = allocations(events, [segment(8192, 2048), segment(4096, 2048)])
    assert [(life.address, life.generation, life.unmapped) for life in lives] == [
        (4096, 0, True),
        (5120, 0, True),
        (8192, 0, False),
        (4096, 1, False),
    ]


def test_a_pool_that_is_gone_is_unknown_unless_the_event_names_it() -> None:
    old, new = allocations([event("alloc", 4096, 512), event("alloc", 8192, 512, pool_id=(0, 2))], [])
    assert old.pool is None
    assert new.pool == (0, 2)


def test_a_live_block_from_before_the_watching_is_known_by_its_segment() -> None:
    block = {"address": 4096, "size": 512, "requested_size": 500, "state": "active_allocated", "frames": []}
    idle = {"address": 4608, "size": 1536, "requested_size": 0, "state": "inactive", "frames": []}
    (life,) = allocations([], [segment(4096, 2048, (0, 0), block, idle)])
    assert (life.address, life.size_bytes, life.allocation_site) == (4096, 500, None)


def test_a_live_block_that_was_watched_is_not_counted_twice() -> None:
    block = {"address": 4096, "size": 512, "state": "active_allocated"}
    assert len(allocations([event("alloc", 4096, 512)], [segment(4096, 2048, (0, 0), block)])) == 1


def test_a_free_without_an_allocation_keeps_its_line() -> None:
    (life,) = allocations([event("free_requested", 4096, 512, line=20)], [])
    assert life.freed
    assert lines(life) == (None, 20)


def test_where_an_address_lies() -> None:
    (life,) = allocations([event("alloc", 4096, 512)], [])
    assert [life.holds(address) for address in (4095, 4096, 4607, 4608)] == [False, True, True, False]


class TestSites:
    def test_the_headline_is_the_innermost_line_of_the_program(self) -> None:
        import torch

        inside = frame(torch.nn.functional.__file__, 5, "linear")
        site = site_of_recorded(
            [inside, frame("/app/model.py", 7, "forward"), frame("/app/main.py", 3, "main")]
        )
        assert site is not None
        assert (site.file, site.line, site.function) == ("/app/model.py", 7, "forward")
        assert [each.function for each in site.stack] == ["linear", "forward", "main"]

    def test_native_frames_do_not_take_the_headline(self) -> None:
        frames = [
            frame("??", 0, "unwind"),
            frame("/pytorch/aten/src/ATen/Ops.cpp", 9, "empty"),
            frame("/app/m.py", 1),
        ]
        site = site_of_recorded(frames)
        assert site is not None
        assert site.file == "/app/m.py"
        assert len(site.stack) == 1

    def test_no_frames_no_site(self) -> None:
        assert site_of_recorded([]) is None
        assert site_of_recorded([frame("??", 0)]) is None
