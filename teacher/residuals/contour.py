"""The rim of the head against the silhouette that is seen."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from shared.flame.points import FlamePoints, PosedPoints
from shared.geometry.camera import Camera
from shared.geometry.projection import projection_rows
from shared.records.tensor_record import TensorRecord
from teacher.residuals.principal import shift_jacobian, shifted
from teacher.residuals.robust import PseudoHuber
from teacher.residuals.variables import head_jacobian, pose_points
from teacher.solver.structure import VIEW
from teacher.solver.terms import Linearisation, Values


@dataclass(frozen=True)
class ContourTerm(TensorRecord):
    """``direction_p . (project(x_p) - line_p) / std_p``: a point on the rim may slide along the silhouette."""

    points: FlamePoints  # P of them
    kernel: PseudoHuber
    camera: Camera  # (N) rows
    line_px: Tensor  # (N, P, 2) where the silhouette is
    direction: Tensor  # (N, P, 2) unit, across it
    std_px: Tensor  # (N, P) infinite where a point is not on the rim

    @property
    def level(self) -> int:
        """A row a picture."""
        return VIEW

    def residual(self, posed: PosedPoints, values: Values) -> Tensor:
        """(N, P) in standard deviations."""
        off = shifted(self.camera, posed.position, values) - self.line_px
        return (off * self.direction).sum(-1) / self.std_px

    def energy(self, values: Values) -> Tensor:
        """(N,)"""
        residual = self.residual(pose_points(self.points, values), values)
        return self.kernel.energy(residual**2).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by all head variables and the principal point."""
        posed = pose_points(self.points, values)
        residual = self.residual(posed, values)
        weight = self.kernel.weight(residual**2).sqrt()
        across = self.direction * (weight / self.std_px)[..., None]
        rows = (across[..., None] * projection_rows(self.camera, posed.position)).sum(2, keepdim=True)
        jacobian = head_jacobian(posed, rows, values, self.points.sizes)
        jacobian |= shift_jacobian(self.camera, across[:, :, None])
        return Linearisation(residual * weight, jacobian)
