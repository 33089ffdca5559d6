"""How long each stage of a stream takes: percentiles in constant memory, however long it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

# Geometric bins of 2 % from a microsecond to a hundred seconds.
_LEAST_S, _FACTOR = 1e-6, math.log(1.02)
_BINS = math.ceil(math.log(100 / _LEAST_S) / _FACTOR)


class Durations:
    """A histogram of durations; percentiles are right to 1 %."""

    def __init__(self) -> None:
        self.count, self.total_s = 0, 0.0
        self._bins = np.zeros(_BINS + 1, np.int64)

    def add(self, seconds: float) -> None:
        """One more."""
        place = int(math.log(max(seconds, _LEAST_S) / _LEAST_S) / _FACTOR)
        self._bins[min(place, _BINS)] += 1
        self.count, self.total_s = self.count + 1, self.total_s + seconds

    def percentile_ms(self, percent: float) -> float:
        """In milliseconds; 0 if there are none."""
        if not self.count:
            return 0.0
        place = int(np.searchsorted(self._bins.cumsum(), percent / 100 * self.count))
        return 1e3 * _LEAST_S * math.exp((place + 0.5) * _FACTOR)


class StageTimes:
    """Durations by the name of the stage."""

    def __init__(self, *names: str) -> None:
        """In the order in which they are listed."""
        self.stages = {name: Durations() for name in names}
        self._frame: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time a block, which a frame may pass several times. For one thread alone; others use `add`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._frame[name] = self._frame.get(name, 0.0) + time.perf_counter() - start

    def end_frame(self) -> None:
        """What was timed since the last call was one frame."""
        for name, seconds in self._frame.items():
            self.stages[name].add(seconds)
        self._frame.clear()

    def add(self, name: str, seconds: float) -> None:
        """One frame in a stage, which belongs to the calling thread."""
        self.stages[name].add(seconds)

    def as_json(self) -> dict[str, dict[str, float]]:
        """Stage -> count, p50_ms and p95_ms, of the stages that there were."""
        return {
            name: {
                "count": one.count,
                "p50_ms": round(one.percentile_ms(50), 3),
                "p95_ms": round(one.percentile_ms(95), 3),
            }
            for name, one in self.stages.items()
            if one.count
        }
