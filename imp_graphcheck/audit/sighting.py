"""Calls of one line that are alike in everything that a verdict depends on."""

import msgspec

from imp_graphcheck.record.audit import CallClass, HostMemory, Phase
from imp_graphcheck.record.site import Site


class Sighting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`count` calls of `api` at `site`, made in `phase`.

    `inside`: made in the captured region of `key`, or by another thread meanwhile (`other_thread`: one that works on none
    of the captured streams). `order` is where in that region the first of them was. `captured_work`: what it waits for or
    asks about is work of the region. `escaped`: made while a stream captured, on one that did not. `error` is how all of them
    failed, a number and a name; empty where they succeeded. `content_changes` is told of uploads in eager regions: whether
    the host memory held something else at another step of the key, None where there was no other.
    """

    api: str
    kind: CallClass
    phase: Phase
    site: Site
    inside: bool = False
    key: str = ""
    order: int = 0
    thread: str = ""
    other_thread: bool = False
    stream: str = ""
    captured_work: bool = False
    escaped: bool = False
    error: str = ""
    host: HostMemory | None = None
    caller: str = ""
    content_changes: bool | None = None
    count: int = 1
    bytes_total: int | None = None
