"""Who is seen: the shape of one person, averaged over frames by how sure each is."""

from __future__ import annotations

import math

import numpy as np


class RunningIdentity:
    """A mean of shape codes with weights 1 / variance that fade with time, so that it can still change."""

    def __init__(self, memory_s: float, limit: float) -> None:
        """``memory_s``: after it a frame counts 1/e. ``limit``: of `is_new_subject`."""
        self.memory_s, self.limit = memory_s, limit
        self.reset()

    def reset(self) -> None:
        """Forget the person."""
        self._mean: np.ndarray | None = None
        self._weight = np.zeros(0)

    def is_new_subject(self, codes: np.ndarray, std: np.ndarray) -> bool:
        """Whether codes (D,) with these deviations are of somebody else: too many deviations (rms) from the mean."""
        return self._mean is not None and float(np.sqrt((((codes - self._mean) / std) ** 2).mean())) > self.limit

    def __call__(self, codes: np.ndarray, std: np.ndarray, step_s: float) -> np.ndarray:
        """The mean (D,) with this frame's codes in it."""
        weight = 1 / (std * std)
        if self._mean is None:
            self._mean, self._weight = codes, weight
            return codes
        self._weight = self._weight * math.exp(-step_s / self.memory_s) + weight
        self._mean = self._mean + (codes - self._mean) * (weight / self._weight)
        return self._mean
