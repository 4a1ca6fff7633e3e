"""The end of what a child printed."""

import tempfile
from pathlib import Path

from imp_graphcheck.child.log import keep, tail


def test_tail_keeps_the_last_lines() -> None:
    with tempfile.TemporaryFile() as log:
        log.write(b"".join(b"line %d\n" % n for n in range(50_000)))
        log.flush()

        assert tail(log, 2) == ("line 49998", "line 49999")


def test_tail_shows_what_cannot_be_printed() -> None:
    with tempfile.TemporaryFile() as log:
        log.write("a\x1b[31mb\xff\tc é\n".encode("latin-1"))
        log.flush()

        assert tail(log) == (r"a\x1b[31mb\xff	c \xe9",)


def test_an_empty_log_is_not_kept(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as log:
        assert tail(log) == ()
        keep(log, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_log_is_kept_whole(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as log:
        log.write(b"x" * 100_000)
        keep(log, tmp_path)

    assert (tmp_path / "worker.log").stat().st_size == 100_000
