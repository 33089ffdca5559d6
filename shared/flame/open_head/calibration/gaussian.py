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
    def around(mean: Array, deviation: float = 1.0) -> Gaussian:
        """Independent coefficients, all with the same standard deviation."""
        return Gaussian(mean, deviation**2 * np.eye(len(mean)))


def symmetric(covariance: Array, parity: Array) -> Array:
    """That of the same people and their mirror images; ``parity`` (C,): +1 for symmetric directions, else -1."""
    return (covariance + np.outer(parity, parity) * covariance) / 2
