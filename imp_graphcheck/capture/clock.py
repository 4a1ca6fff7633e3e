"""A stopwatch for one arm: seconds per pass over the workload, and what the host spent them on."""

import time

from imp_graphcheck.record.run import HostTime


class Clock:
    """Started and stopped once per pass; between the two, each lap goes to one part of the work."""

    def __init__(self) -> None:
        self.passes: list[float] = []
        self._parts = {"prepare": 0.0, "forward": 0.0, "between": 0.0, "wait": 0.0}
        self._started = self._lap = 0.0

    def start(self) -> None:
        """A pass begins."""
        self._started = self._lap = time.perf_counter()

    def lap(self, part: str) -> None:
        """Everything since the last lap went into `part`."""
        now = time.perf_counter()
        self._parts[part] += now - self._lap
        self._lap = now

    def stop(self) -> None:
        """The pass is over, since its last lap."""
        self.passes.append(self._lap - self._started)

    def host_time(self) -> HostTime:
        """What all passes together were spent on."""
        return HostTime(**self._parts)
