"""The template process: `python -m imp_graphcheck.child SOCKET PARENT MODULE...`.

A forked child leaves the loop by returning, so that nothing of the template is on its stack.
"""

import sys

from imp_graphcheck.child.forking import await_trial
from imp_graphcheck.child.program import run_to_end

if __name__ == "__main__":
    run_to_end(await_trial(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
