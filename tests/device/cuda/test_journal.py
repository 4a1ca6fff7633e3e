"""Lives of allocations, put together from the allocator's events and segments."""

from collections.abc import Sequence
from typing import Any

import pytest

from imp_graphcheck.device.cuda import memory_history
from imp_graphcheck.device.cuda.journal import Journal
from imp_graphcheck.device.cuda.memory_history import Drained
from imp_graphcheck.device.cuda.sites import site_of_recorded
from imp_graphcheck.record.memory import Allocation


def frame(file: str, line: int, name: str = "f") -> dict[str, Any]:
    return {"filename": file, "line": line, "name": name}


def event(action: str, address: int, size: int, line: int = 1, **more: Any) -> dict[str, Any]:
    """While a graph is captured, or after one was."""
    where = {"frames": [frame("/app/model.py", line)], "user_metadata": "imp-graphcheck:1"}
    return {"action": action, "addr": address, "size": size, **where, **more}


def block(address: int, size: int, state: str = "active_allocated", **more: Any) -> dict[str, Any]:
    return {"address": address, "size": size, "requested_size": size, "state": state, "frames": [], **more}


def segment(address: int, size: int, pool: tuple[int, int] = (0, 0), *blocks: Any) -> dict[str, Any]:
    """What is not in `blocks` is inactive."""
    return {
        "address": address,
        "total_size": size,
        "segment_pool_id": pool,
        "blocks": blocks or [block(address, size, "inactive")],
        "device": 0,
    }


def read(journal: Journal, events: Sequence[Any], *segments: Any) -> list[Allocation]:
    """What becomes of all lives so far."""
    journal.read(Drained(events, segments))
    return [found for generation in journal.lives if (found := journal.now(generation)) is not None]


def lines(life: Allocation) -> tuple[int | None, int | None]:
    return tuple(site and site.line for site in (life.allocation_site, life.free_site))  # type: ignore[return-value]


@pytest.fixture
def journal() -> Journal:
    """An empty one."""
    return Journal(0)


def test_a_block_that_is_freed_and_handed_out_again_has_two_lives(journal: Journal) -> None:
    events = [
        event("alloc", 4096, 512, line=10),
        event("free_requested", 4096, 512, line=20),
        event("alloc", 4096, 256, line=30),
    ]
    here = segment(4096, 2048, (0, 3), block(4096, 512, requested_size=256), block(4608, 1536, "inactive"))
    first, second, rest = read(journal, events, here)
    assert (first.state, lines(first)) == ("freed", (10, 20))
    assert (second.state, lines(second), second.size_bytes) == ("live", (30, None), 256)
    assert first.generation != second.generation
    assert first.pool == second.pool == "pool 0:3"
    assert (rest.address, rest.size_bytes, rest.state) == (4608, 1536, "freed")


def test_what_comes_and_goes_before_the_first_capture_is_left_out(journal: Journal) -> None:
    here = segment(4096, 2048, (0, 0), block(4096, 512), block(4608, 1536, "inactive"))
    before = [
        event("alloc", 4096, 512, line=1, user_metadata=""),
        event("alloc", 4608, 512, line=2, user_metadata=""),
        event("free_requested", 4096, 512, user_metadata=""),
        event("alloc", 4096, 512, line=3, user_metadata=""),
        event("free_requested", 4608, 512),
    ]
    kept = [life for life in read(journal, before, here) if life.allocation_site is not None]
    assert [(lines(life)[0], life.state) for life in kept] == [(2, "freed"), (3, "live")]


def test_generations_stay_the_same_from_one_look_to_the_next(journal: Journal) -> None:
    here = segment(4096, 1024, (0, 0), block(4096, 512), block(4608, 512))
    before = read(journal, [event("alloc", 4096, 512)], here)
    assert read(journal, [], here) == before
    more = read(journal, [event("free_requested", 4608, 512), event("alloc", 4608, 512)], here)
    assert [life.generation for life in more[:2]] == [life.generation for life in before]
    assert len(more) == 3


def test_what_lies_in_no_segment_any_more_is_unmapped(journal: Journal) -> None:
    events = [
        event("alloc", 4096, 512),
        event("alloc", 8192, 512),
        event("free_requested", 4096, 512),
        event("segment_free", 4096, 2048),
    ]
    gone, stays = read(journal, events, segment(8192, 512, (0, 0), block(8192, 512)))
    assert (gone.state, gone.pool) == ("unmapped", "unknown")
    assert (stays.state, stays.pool) == ("live", "default")


def test_a_pool_that_was_seen_is_remembered_when_its_segment_goes(journal: Journal) -> None:
    read(journal, [event("alloc", 4096, 512)], segment(4096, 512, (0, 2), block(4096, 512)))
    (life,) = read(journal, [event("free_requested", 4096, 512), event("segment_free", 4096, 512)])
    assert (life.state, life.pool) == ("unmapped", "pool 0:2")


def test_an_event_that_names_its_pool_is_believed(journal: Journal) -> None:
    (life,) = read(journal, [event("alloc", 8192, 512, pool_id=(0, 2))])
    assert life.pool == "pool 0:2"


def test_a_live_block_from_before_the_watching_is_known_by_its_segment(journal: Journal) -> None:
    old = block(4096, 512, requested_size=500, frames=[frame("/app/load.py", 3)])
    life, idle = read(journal, [], segment(4096, 2048, (0, 0), old, block(4608, 1536, "inactive")))
    assert (life.address, life.size_bytes, life.state, lines(life)) == (4096, 500, "live", (3, None))
    assert (idle.address, idle.state, lines(idle)) == (4608, "freed", (None, None))


def test_a_free_without_an_allocation_keeps_its_line(journal: Journal) -> None:
    (life,) = read(journal, [event("free_requested", 4096, 512, line=20)], segment(4096, 512))
    assert (life.state, lines(life)) == ("freed", (None, 20))


class TestLostEvents:
    """The ring overflowed: the oldest events are not there."""

    def test_a_free(self, journal: Journal) -> None:
        read(journal, [event("alloc", 4096, 512)], segment(4096, 512, (0, 0), block(4096, 512)))
        (life,) = read(journal, [], segment(4096, 512))
        assert (life.state, lines(life)) == ("freed", (1, None))

    def test_a_free_before_the_next_allocation(self, journal: Journal) -> None:
        here = segment(4096, 512, (0, 0), block(4096, 512))
        first, second = read(journal, [event("alloc", 4096, 512), event("alloc", 4096, 512)], here)
        assert (first.state, second.state) == ("freed", "live")

    def test_a_free_and_an_allocation_of_another_size(self, journal: Journal) -> None:
        read(journal, [event("alloc", 4096, 512)], segment(4096, 512, (0, 0), block(4096, 512)))
        newer = block(4096, 512, requested_size=100, frames=[frame("/app/model.py", 9)])
        first, second = read(journal, [], segment(4096, 512, (0, 0), newer))
        assert (first.state, second.state, lines(second)) == ("freed", "live", (9, None))


def test_live_blocks_of_a_pool(journal: Journal) -> None:
    own = segment(4096, 1024, (0, 1), block(4096, 512), block(4608, 512, "inactive"))
    read(journal, [], own, segment(8192, 512, (0, 2), block(8192, 512)))
    assert [life.address for life in journal.live_in("pool 0:1").values()] == [4096]


def test_who_had_an_address_at_a_mark(journal: Journal) -> None:
    def marked(number: int) -> dict[str, str]:
        return {"user_metadata": f"imp-graphcheck:{number}"}

    here = segment(4096, 2048, (0, 0), block(4096, 512), block(4608, 512), block(5120, 1024, "inactive"))
    events = [
        event("alloc", 4096, 512, **marked(1)),
        event("free_requested", 4096, 512, **marked(3)),
        event("alloc", 4096, 512, **marked(3)),
        event("alloc", 4608, 512, **marked(2)),
    ]
    journal.read(Drained(events, [here]))
    first, second, later = 1, 2, 3

    def owners(mark: int | None) -> dict[int, int]:
        return {
            address: life.generation for address, life in journal.owners_of([4100, 4608, 5120], mark).items()
        }

    assert owners(1) == {}, "they began after that mark was made"
    assert owners(2) == {4100: first}
    assert owners(3) == {4100: first, 4608: later}, "what ends after a mark was there when it was made"
    assert owners(4) == {4100: second, 4608: later}
    assert owners(None) == {4100: second, 4608: later}, "nobody has what is inactive"
    assert journal.owners_of([]) == {}


def test_stacks_are_read_once(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(
        "imp_graphcheck.device.cuda.sites.site_of_recorded", lambda frames: calls.append(1) or None
    )
    line = frame("/app/model.py", 1)
    blocks = [block(4096, 512, frames=[line]), block(4608, 512, frames=[line])]
    journal.read(Drained([], [segment(4096, 1024, (0, 0), *blocks)]))
    assert not calls, "nobody has asked"
    journal.now(1)
    journal.now(2)
    assert len(calls) == 1


class TestRecording:
    @pytest.fixture
    def switches(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What torch's switch was set to."""
        done: list[str] = []
        monkeypatch.setattr(memory_history, "start", lambda *_: done.append("start"))
        monkeypatch.setattr(memory_history, "stop", lambda: done.append("stop"))
        monkeypatch.setattr(
            memory_history, "look", lambda _: done.append("look") or Drained([event("alloc", 4096, 512)], [])
        )
        return done

    def test_one_inside_another_is_the_same(self, journal: Journal, switches: list[str]) -> None:
        with journal.recording():
            with journal.recording():
                pass
            assert switches == ["start"]
            assert journal.watching
        assert not journal.watching
        assert switches == ["start", "look", "start", "stop"], "read to the end, then stopped"

    def test_the_ring_is_emptied_each_time_it_is_read(self, journal: Journal, switches: list[str]) -> None:
        with journal.recording():
            journal.update()
            assert switches == ["start", "look", "start"]

    def test_it_ends_with_an_error_too(self, journal: Journal, switches: list[str]) -> None:
        with pytest.raises(RuntimeError, match="mine"), journal.recording():
            raise RuntimeError("mine")
        assert switches == ["start", "stop"]

    def test_somebody_elses_history_is_left_alone(self, journal: Journal, switches: list[str]) -> None:
        journal.update()
        assert switches == ["look"]
        assert not journal.lives


class TestMarks:
    def test_events_carry_the_last_mark(self, journal: Journal) -> None:
        events = [
            event("alloc", 4096, 512, user_metadata=""),
            event("alloc", 8192, 512, user_metadata="imp-graphcheck:3"),
            event("alloc", 12288, 512, user_metadata="the program's own"),
        ]
        read(journal, events)
        assert [life.began for life in journal.lives.values()][:3] == [0, 3, 3]


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
