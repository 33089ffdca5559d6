"""Activations of ARKit units, as a network reads them off the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.records.tensor_record import TensorRecord
from teacher.residuals.robust import PseudoHuber
from teacher.solver.structure import VIEW
from teacher.solver.terms import Linearisation, Values


@dataclass(frozen=True)
class UnitTerm(TensorRecord):
    """``(readings @ [expression, jaw, eyelids] - activation) / std`` of each unit."""

    readings: Tensor  # (N, U, e + 5) see `shared.flame.arkit_units`; the same in all rows
    kernel: PseudoHuber
    activation: Tensor  # (N, U)
    std: Tensor  # (N, U) the weight of this term; infinite where nothing is read

    @property
    def level(self) -> int:
        """A row a picture."""
        return VIEW

    def residual(self, values: Values) -> Tensor:
        """(N, U) in standard deviations."""
        moved = torch.cat([values["expression"], values["jaw"], values["eyelids"]], 1)
        return ((self.readings @ moved[..., None])[..., 0] - self.activation) / self.std

    def energy(self, values: Values) -> Tensor:
        """(N,)"""
        return self.kernel.energy(self.residual(values) ** 2).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by what moves the face."""
        residual = self.residual(values)
        weight = self.kernel.weight(residual**2).sqrt()
        rows = self.readings * (weight / self.std)[..., None]
        expression, jaw, eyelids = rows.split([values["expression"].shape[1], 3, 2], -1)
        return Linearisation(residual * weight, {"expression": expression, "jaw": jaw, "eyelids": eyelids})
