"""Surface points against a surface that is known in space, such as a scan: they may slide along it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from shared.flame.points import FlamePoints, PosedPoints
from shared.records.tensor_record import TensorRecord
from teacher.residuals.robust import PseudoHuber
from teacher.residuals.variables import head_jacobian, pose_points
from teacher.solver.structure import VIEW
from teacher.solver.terms import Linearisation, Values


@dataclass(frozen=True)
class PlaneTerm(TensorRecord):
    """``normal_p . (x_p - target_p) / std_p``: point to plane (Chen and Medioni 1992), in the world frame."""

    points: FlamePoints
    kernel: PseudoHuber
    target_m: Tensor  # (B, P, 3) a point of the plane that each surface point belongs on
    normal: Tensor  # (B, P, 3) unit
    std_m: Tensor  # (B, P) the weight of this term; infinite where a point belongs on no plane

    @property
    def level(self) -> int:
        """A row a picture."""
        return VIEW

    def residual(self, posed: PosedPoints) -> Tensor:
        """(B, P) in standard deviations."""
        return ((posed.position - self.target_m) * self.normal).sum(-1) / self.std_m

    def energy(self, values: Values) -> Tensor:
        """(B,)"""
        return self.kernel.energy(self.residual(pose_points(self.points, values)) ** 2).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by all head variables."""
        posed = pose_points(self.points, values)
        residual = self.residual(posed)
        weight = self.kernel.weight(residual**2).sqrt()
        rows = (self.normal * (weight / self.std_m)[..., None])[:, :, None]
        return Linearisation(residual * weight, head_jacobian(posed, rows, values, self.points.sizes))
