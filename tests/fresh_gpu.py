"""A software GPU as a new process would have it."""

import gc

from imp_graphcheck.device import sim


def fresh_gpu() -> sim.Gpu:
    """Nothing of earlier tests lives on it.

    What is alive at the beginning of a test are modules, a million objects of them by the end: frozen, the collector does
    not go through them again in each of thousands of tests.
    """
    gc.collect()
    gc.freeze()
    return sim.reset()
