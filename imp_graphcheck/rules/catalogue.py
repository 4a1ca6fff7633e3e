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
        code="GC102",
        title="device result read by the host in the capture",
        meaning="Nothing arrives while work is only recorded: what the host decides by it is decided by old bytes, and kept.",
        remedy="keep the value on the device and let a kernel choose, or copy it after the replay",
    ),
    Rule(
        code="GC103",
        title="allocation or free inside the capture that the graph does not own",
        meaning="It is refused, or it happens once, while the graph is captured, and at no replay.",
        remedy="reserve the memory once, before the capture, for the largest call",
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
        code="GC107",
        title="another thread disturbed the capture",
        meaning="The capture mode forbids the call to every thread of the process, and the capture fails with it.",
        remedy="let the thread rest during captures, or capture in thread_local mode",
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
        code="GC201",
        title="graph points at freed memory",
        meaning="A captured address belongs to memory that was freed. It replays correctly until somebody gets the block.",
        remedy="keep a reference to the tensor as long as the graph, or copy into a static buffer that was allocated "
        "before the capture",
    ),
    Rule(
        code="GC202",
        title="graph points at unmapped memory",
        meaning="A captured address belongs to memory that was given back to the driver.",
        remedy="keep the allocation alive as long as the graph, or reserve it once before the capture",
    ),
    Rule(
        code="GC203",
        title="buffer behind a captured pointer was replaced",
        meaning="The program keeps its data in another tensor now; the graph still reads the old one.",
        remedy="fill the captured tensor in place (copy_) instead of putting a new one in its stead, or capture again",
    ),
    Rule(
        code="GC205",
        title="live tensor shares graph-pool memory that the graph overwrites",
        meaning="It was allocated inside the capture, on the place of a transient that every replay writes again.",
        remedy="allocate what outlives the replay before the capture",
    ),
    Rule(
        code="GC206",
        title="host source of a captured copy is gone or recycled",
        meaning="Every replay reads the host address again, and the buffer belongs to somebody else.",
        remedy="keep the pinned buffer alive as long as the graph, or copy into a device buffer before the replay",
    ),
    Rule(
        code="GC207",
        title="graph owns memory it does not free",
        meaning="Every launch allocates it again, and it stays with the graph: one without auto-free runs once.",
        remedy="free it in the captured region, on a stream of the capture, or allocate it once before the capture",
    ),
    Rule(
        code="GC208",
        title="pointer table in device memory holds dead addresses",
        meaning="A kernel takes addresses from memory, and memory that one of them leads to was given back.",
        remedy="keep what the table points at as long as the graph, or fill the table again before each replay",
    ),
    Rule(
        code="GC209",
        title="the replay died",
        meaning="The device, or the process, did not survive a replay, and the cause could not be read from the wreck.",
        remedy="run it again with CUDA_LAUNCH_BLOCKING=1; a smaller --pp or --requests narrows it down",
    ),
    Rule(
        code="GC301",
        title="scalar argument differs between calls with the same graph key",
        meaning="A number that the host passed by value is frozen at what the captured call had.",
        remedy="keep the number in a device tensor that prepare fills, or put it into the graph key",
    ),
    Rule(
        code="GC302",
        title="launch geometry differs between calls with the same graph key",
        meaning="The grid was computed on the host from something that changes; the graph covers the captured size only.",
        remedy="launch for the largest size and mask on the device, or put the size into the graph key",
    ),
    Rule(
        code="GC303",
        title="kernels differ between calls with the same graph key",
        meaning="The host chose other kernels, or another number of them, for the other call.",
        remedy="make the choice on the device, run both branches, or put what decides into the graph key",
    ),
    Rule(
        code="GC304",
        title="pointer argument differs between calls with the same graph key",
        meaning="The other call reads or writes other memory; the graph stays with the captured one.",
        remedy="use one static buffer and fill it in place, or index on the device",
    ),
    Rule(
        code="GC305",
        title="copy differs between calls with the same graph key",
        meaning="Source, target or size of a copy were decided on the host.",
        remedy="copy the largest size, or let a kernel gather by device-resident indices",
    ),
    Rule(
        code="GC306",
        title="graph key is incomplete",
        meaning="Calls that need different graphs share one.",
        remedy="add what the message names to the key, or move it to the device",
    ),
    Rule(
        code="GC402",
        title="padding reaches real rows",
        meaning="A graph of a bucket computes padded rows too, and what is in them changes the answers of real ones.",
        remedy="mask padded rows out of every reduction over rows (a scale, a mean, a maximum, a softmax), or give them "
        "contents that cannot matter",
    ),
    Rule(
        code="GC403",
        title="pinned buffer rewritten before its copy ran",
        meaning="The host is ahead of the device: the next call's bytes are copied in the place of this call's.",
        remedy="wait for an event that was recorded after the copy before the buffer is written again, or use two buffers",
    ),
    Rule(
        code="GC404",
        title="work is missing from the graph",
        meaning="Work that eager execution does is not repeated by a replay.",
        remedy="launch it on the capturing stream (fork side streams from it), and let no branch depend on whether a capture "
        "is going on",
    ),
    Rule(
        code="GC405",
        title="warm-up or capture changed persistent state",
        meaning="The state that the first real call finds is not the one it would have found without graphs.",
        remedy="capture with inputs that write to scratch, or set the state back after the capture",
    ),
    Rule(
        code="GC407",
        title="host state that should advance stays frozen",
        meaning="Every eager call changes a value of the host inside the region; a replay runs no Python and leaves it.",
        remedy="advance it outside of the captured region, in what prepares the next call, or keep it on the device",
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
        code="GC502",
        title="first diverging operation",
        meaning="Run operator by operator beside eager, the graph is right up to here, and wrong from here on.",
        remedy="with equal inputs, look for a number or a shape that this line takes from the host: it is frozen; with "
        "other inputs, for the tensor that the message names: the graph reads another one",
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
    Rule(
        code="GC602",
        title="captured again and again",
        meaning="Graphs are dropped and captured anew during normal operation; each capture costs a forward pass.",
        remedy="find what invalidates them: a shape that churns, or memory that moves",
    ),
    Rule(
        code="GC603",
        title="no gain",
        meaning="The graph is right and not faster than eager.",
        remedy="look where the time goes: work in prepare, a wait after each replay, shapes padded far beyond the call; long "
        "kernels gain nothing",
    ),
)

RULES: dict[str, Rule] = {rule.code: rule for rule in _ALL}
