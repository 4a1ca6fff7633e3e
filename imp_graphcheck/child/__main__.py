"""The template process: `python -m imp_graphcheck.child SOCKET PARENT MODULE...`.

Not before the fork is anything of the child's own looked at. After it, the child leaves the loop by returning, so that
it ends as any interpreter does: with its exit status, its traceback and what it registered for the end.
"""

import sys

from imp_graphcheck.child.forking import await_trial

if __name__ == "__main__":
    trial = await_trial(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    trial()
