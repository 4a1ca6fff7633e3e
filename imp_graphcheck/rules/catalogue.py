"""Every finding carries one of these codes. A code never changes its meaning; a retired one is never used again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`title` names the defect, `meaning` says why it hurts, `remedy` what to change."""

    code: str
    title: str
    meaning: str
    remedy: str


_ALL = (
    Rule(
        code="GC101",
        title="synchronization inside the capture",
        meaning="The host waits for the device, or looks at its data, while work is only being recorded.",
        remedy="move the read or the wait out of the captured region, or compute the decision on the device",
    ),
    Rule(
        code="GC104",
        title="library initialised inside the capture",
        meaning="A handle or workspace is created on first use, which a capture does not allow.",
        remedy="use the library once before the capture, in the same thread and on the same stream",
    ),
    Rule(
        code="GC105",
        title="copy from pageable host memory in the capture",
        meaning="The graph would read the host address again at every replay, long after the buffer is gone.",
        remedy="copy into a static device buffer before the replay, or from pinned memory that lives as long as the graph",
    ),
    Rule(
        code="GC106",
        title="stream not forked from, or not joined to, the capture",
        meaning="Work on a second stream belongs to the graph only between a wait on the capture and a wait back.",
        remedy="side.wait_stream(capture) before the work, capture.wait_stream(side) after it",
    ),
    Rule(
        code="GC108",
        title="random generator not registered with the graph",
        meaning="A replay must advance the generator, and the graph does not know it.",
        remedy="graph.register_generator_state(generator) before the capture",
    ),
    Rule(
        code="GC109",
        title="first error inside the capture",
        meaning="The capture failed here; every later error is a consequence.",
        remedy="make the call before the capture, or make it capturable",
    ),
    Rule(
        code="GC202",
        title="graph points at unmapped memory",
        meaning="A captured address belongs to memory that was given back to the driver.",
        remedy="keep the allocation alive as long as the graph, or reserve it once before the capture",
    ),
    Rule(
        code="GC209",
        title="the replay died",
        meaning="The device, or the process, did not survive a replay, and the cause could not be read from the wreck.",
        remedy="run it again with CUDA_LAUNCH_BLOCKING=1; a smaller --pp or --requests narrows it down",
    ),
    Rule(
        code="GC408",
        title="step returned old output",
        meaning="The output buffer was filled with a pattern before the replay, and the replay left it there.",
        remedy="a capture records and does not execute: make sure that the step which captures also replays, and check "
        "the result of every launch",
    ),
    Rule(
        code="GC501",
        title="captured output differs from eager beyond the noise floor",
        meaning="The same call gives another answer from the graph than from eager execution.",
        remedy="look for a value of the call that the host read inside the region (an offset, a length, a branch): it "
        "is frozen; keep it in a device tensor, or put it into the graph key",
    ),
    Rule(
        code="GC503",
        title="NaN or infinity appears under replay",
        meaning="Eager execution of the same call is finite there.",
        remedy="look for memory that the replay reads and nothing has written: freed blocks, padding, skipped work",
    ),
    Rule(
        code="GC504",
        title="KV cache or state differs after replay",
        meaning="The bytes that the calls left behind are not those that eager execution leaves.",
        remedy="look for a write whose place the host computed inside the region (a slot, a position, a length)",
    ),
    Rule(
        code="GC601",
        title="not everything was replayed",
        meaning="A call ran eagerly although a graph was asked for, so its speed and its safety are those of eager.",
        remedy="the message names the condition that closed: open it, or accept eager for these calls",
    ),
)

RULES: dict[str, Rule] = {rule.code: rule for rule in _ALL}
