"""Gaussian priors."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from shared.records.tensor_record import TensorRecord
from teacher.solver.terms import Linearisation, Values


@dataclass(frozen=True)
class GaussianPrior(TensorRecord):
    """``(x - mean) / std`` of one variable, coordinate by coordinate."""

    variable: str
    level: int  # of the variable
    mean: Tensor  # (B, D)
    std: Tensor  # (B, D), the weight of this term: one standard deviation costs 1/2

    def residual(self, values: Values) -> Tensor:
        """(B, D) deviations in standard deviations."""
        return (values[self.variable] - self.mean) / self.std

    def energy(self, values: Values) -> Tensor:
        """(B,)"""
        return 0.5 * (self.residual(values) ** 2).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """The Jacobian is diagonal."""
        return Linearisation(self.residual(values), {self.variable: 1 / self.std})
