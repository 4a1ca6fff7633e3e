"""Mistakes that engines really made, put back one by one, so that every check can be shown to fire."""

from imp_graphcheck.errors import UsageError
from imp_graphcheck.faults.advancing_warm_up import AdvancingWarmUp
from imp_graphcheck.faults.baked_context_length import BakedContextLength
from imp_graphcheck.faults.baked_kernel_choice import BakedKernelChoice
from imp_graphcheck.faults.baked_q_offset import BakedQOffset
from imp_graphcheck.faults.baked_split_count import BakedSplitCount
from imp_graphcheck.faults.baked_table_copy import BakedTableCopy
from imp_graphcheck.faults.borrowed_workspace import BorrowedWorkspace
from imp_graphcheck.faults.dead_pointer_array import DeadPointerArray
from imp_graphcheck.faults.fault import EngineFault
from imp_graphcheck.faults.grown_workspace import GrownWorkspace
from imp_graphcheck.faults.leaking_padding import LeakingPadding
from imp_graphcheck.faults.per_call_scratch import PerCallScratch
from imp_graphcheck.faults.pinned_temporary import PinnedTemporary
from imp_graphcheck.faults.rebuilt_block_table import RebuiltBlockTable
from imp_graphcheck.faults.recapture_every_call import RecaptureEveryCall
from imp_graphcheck.faults.recycled_pool_slot import RecycledPoolSlot
from imp_graphcheck.faults.rewritten_staging import RewrittenStaging
from imp_graphcheck.faults.skipped_first_replay import SkippedFirstReplay

ENGINE_FAULTS: dict[str, EngineFault] = {
    fault.name: fault
    for fault in (
        PerCallScratch(),
        RecycledPoolSlot(),
        GrownWorkspace(),
        BorrowedWorkspace(),
        RebuiltBlockTable(),
        PinnedTemporary(),
        DeadPointerArray(),
        BakedQOffset(),
        BakedContextLength(),
        BakedSplitCount(),
        BakedKernelChoice(),
        BakedTableCopy(),
        SkippedFirstReplay(),
        RewrittenStaging(),
        AdvancingWarmUp(),
        LeakingPadding(),
        RecaptureEveryCall(),
    )
}

__all__ = ["ENGINE_FAULTS", "EngineFault", "engine_faults"]


def engine_faults(names: str) -> tuple[EngineFault, ...]:
    """The faults called `names`, one or several between commas. Raises UsageError with the names there are."""
    found = []
    for name in (part.strip() for part in names.split(",")):
        fault = ENGINE_FAULTS.get(name)
        if fault is None:
            raise UsageError(
                f"--fault {name or repr(names)}: not known.", hint=f"faults are {', '.join(ENGINE_FAULTS)}"
            )
        if fault not in found:
            found.append(fault)
    return tuple(found)
