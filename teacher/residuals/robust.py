"""A robust kernel for groups of residuals."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class PseudoHuber:
    """rho(s) = 2 d^2 (sqrt(1 + s / d^2) - 1) of a squared norm s: quadratic below the threshold d, linear beyond.

    Smooth and convex (Hartley and Zisserman, appendix 6.8), so Levenberg-Marquardt keeps its convergence.
    """

    threshold: float  # in standard deviations

    def energy(self, squared: Tensor) -> Tensor:
        """rho / 2 of the squared norms."""
        # The same as d^2 (sqrt(1 + s / d^2) - 1), without its cancellation at small s.
        return squared / (1 + (1 + squared / self.threshold**2).sqrt())

    def weight(self, squared: Tensor) -> Tensor:
        """rho', the weight of a squared norm in the normal equations."""
        return (1 + squared / self.threshold**2).rsqrt()
