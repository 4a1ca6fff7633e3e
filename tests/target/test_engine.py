"""The engine's workload: lengths in both directions of change, a padded tail, and decode steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imp_graphcheck.device import Device
from imp_graphcheck.errors import UsageError
from imp_graphcheck.target.engine import EngineProgram, Workload


def workload(**changes: int) -> Workload:
    return Workload(
        **{
            "prompt_tokens": 1024,
            "chunk_tokens": 256,
            "requests": 3,
            "decode_tokens": 0,
            "seed": 0,
            **changes,
        }
    )


def program(load: Workload) -> EngineProgram:
    return EngineProgram("qwen3-tiny", "shape", load, dtype=None, seed=0, fault=None)


def test_default_lengths_change_in_both_directions_and_leave_a_partial_chunk() -> None:
    short, longest, middle = workload().prompt_lengths()
    assert short < middle < longest == 1024
    assert middle % 256


@given(st.integers(1, 5000), st.integers(1, 600), st.integers(1, 7))
def test_lengths_are_always_within_the_longest(pp: int, chunk: int, requests: int) -> None:
    lengths = workload(prompt_tokens=pp, chunk_tokens=chunk, requests=requests).prompt_lengths()
    assert len(lengths) == requests
    assert all(1 <= length <= pp for length in lengths)
    assert requests == 1 or max(lengths[:2]) == pp


def test_one_graph_serves_every_full_chunk_at_several_offsets(device: Device) -> None:
    engine = program(workload())
    engine.load(device, "global")
    full = [call for call in engine.calls if call.tokens == 256]
    assert len({call.key for call in full}) == 1
    assert {call.label for call in full} == {
        f"q_offset {offset}, 256 tokens" for offset in (0, 256, 512, 768)
    }


def test_decode_steps_follow_each_prompt(device: Device) -> None:
    engine = program(workload(prompt_tokens=64, chunk_tokens=32, requests=2, decode_tokens=3))
    engine.load(device, "global")
    decode = [call for call in engine.calls if call.label.startswith("decode")]
    assert [call.request for call in decode] == [0, 0, 0, 1, 1, 1]
    assert [call.label for call in decode[3:]] == [f"decode, context {length}" for length in (65, 66, 67)]


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (workload(prompt_tokens=5000), "5000"),
        (workload(prompt_tokens=4000, decode_tokens=500), "4500"),
    ],
)
def test_prompts_beyond_the_model_are_refused(load: Workload, sentence: str, device: Device) -> None:
    with pytest.raises(UsageError, match=sentence):
        program(load).load(device, "global")
