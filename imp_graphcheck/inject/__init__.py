"""Programs as they are: the calls of any CUDA process, written down by a library that the driver loads into it.

audit_process(["./engine", "--its", "--flags"])     build, run, read, judge
read_traces([...])                                  traces that were kept, judged again

library/        the injection library, C++: CUPTI callbacks for the calls of apis.CALLS, native stacks, one mapped file
build, cupti    compiled on first use, against the headers that are there
launch          the command unchanged, with CUDA_INJECTION64_PATH set
trace_file      the file, read; also of a process that was killed
elf, symbols    return addresses to functions and source lines
windows         when a stream was being captured, and what a call of that time had to do with it
sites           what an audit lists
"""

from imp_graphcheck.inject.audit import ProcessAudit, audit_process, read_traces
from imp_graphcheck.inject.frames import Own

__all__ = ["Own", "ProcessAudit", "audit_process", "read_traces"]
"""What `imp-graphcheck audit-syncs -- COMMAND` calls."""
