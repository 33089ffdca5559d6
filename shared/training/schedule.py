"""How far a run is, and the learning rate that goes with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

_FLOOR = 0.01  # of the learning rate, at the end


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then a cosine, over a number of steps or over a time."""

    steps: int
    minutes: float | None  # if given, it counts instead of ``steps``
    warmup_steps: int

    def progress(self, step: int, minutes: float) -> float:
        """Share of the run that is done after ``step`` steps and ``minutes``; 1 or more: it is over."""
        return step / self.steps if self.minutes is None else minutes / self.minutes

    def factor(self, step: int, progress: float) -> float:
        """The learning rate of step ``step`` (from 0) over that of the options."""
        warm = min(1.0, (step + 1) / (self.warmup_steps + 1))
        cosine = 0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0))
        return warm * (_FLOOR + (1 - _FLOOR) * cosine)
