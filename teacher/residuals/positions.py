"""Points known in space, such as the vertices of a registered scan."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.points import FlamePoints, PosedPoints
from shared.records.tensor_record import TensorRecord
from teacher.residuals.variables import head_jacobian, pose_points
from teacher.solver.structure import VIEW
from teacher.solver.terms import Linearisation, Values


@dataclass(frozen=True)
class PositionTerm(TensorRecord):
    """``(x_p - target_p) / std`` in the world frame."""

    points: FlamePoints
    target_m: Tensor  # (B, P, 3)
    std_m: Tensor  # (B, P) the weight of this term; infinite where a point is not known

    @property
    def level(self) -> int:
        """A row a picture."""
        return VIEW

    def residual(self, posed: PosedPoints) -> Tensor:
        """(B, P, 3) in standard deviations."""
        return (posed.position - self.target_m) / self.std_m[..., None]

    def energy(self, values: Values) -> Tensor:
        """(B,)"""
        return 0.5 * (self.residual(pose_points(self.points, values)) ** 2).sum((1, 2))

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by all head variables."""
        posed = pose_points(self.points, values)
        rows = torch.eye(3).to(self.target_m) / self.std_m[..., None, None]
        jacobian = head_jacobian(posed, rows, values, self.points.sizes)
        return Linearisation(self.residual(posed).flatten(1), jacobian)
