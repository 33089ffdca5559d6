"""A normal distribution of identity coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.flame.open_head.makehuman import Array


@dataclass(frozen=True)
class Gaussian:
    """Mean (C,) and covariance (C, C)."""

    mean: Array
    covariance: Array

    @staticmethod
    def standard(count: int) -> Gaussian:
        """Zero mean, unit variance."""
        return Gaussian(np.zeros(count), np.eye(count))

    def symmetric(self, parity: Array) -> Gaussian:
        """The same of the people and their mirror images; ``parity`` (C,) is +1 for symmetric directions, else -1."""
        mean = np.where(parity > 0, self.mean, 0.0)
        covariance = (self.covariance + np.outer(parity, parity) * self.covariance) / 2
        odd = np.where(parity > 0, 0.0, self.mean)  # mirrored people differ by twice this
        return Gaussian(mean, covariance + np.outer(odd, odd))
