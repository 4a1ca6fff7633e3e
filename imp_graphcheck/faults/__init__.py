"""Mistakes that engines really made, put back one by one, so that every check can be shown to fire."""

from imp_graphcheck.errors import UsageError
from imp_graphcheck.faults.baked_q_offset import BakedQOffset
from imp_graphcheck.faults.fault import EngineFault
from imp_graphcheck.faults.per_call_scratch import PerCallScratch
from imp_graphcheck.faults.recapture_every_call import RecaptureEveryCall
from imp_graphcheck.faults.skipped_first_replay import SkippedFirstReplay

ENGINE_FAULTS: dict[str, EngineFault] = {
    fault.name: fault
    for fault in (PerCallScratch(), BakedQOffset(), SkippedFirstReplay(), RecaptureEveryCall())
}

__all__ = ["ENGINE_FAULTS", "EngineFault", "engine_fault"]


def engine_fault(name: str) -> EngineFault:
    """The fault called `name`. Raises UsageError with the names there are."""
    fault = ENGINE_FAULTS.get(name)
    if fault is None:
        raise UsageError(f"--fault {name}: not known.", hint=f"faults are {', '.join(ENGINE_FAULTS)}")
    return fault
