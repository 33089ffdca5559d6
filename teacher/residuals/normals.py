"""The surface against the normals that are seen on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from shared.flame.points import FlamePoints, PosedPoints
from shared.records import TensorRecord
from teacher.head_variables import head_jacobian, pose_points
from teacher.residuals.robust import PseudoHuber
from teacher.solver.structure import PICTURE
from teacher.solver.terms import Linearisation, Values


@dataclass(frozen=True)
class NormalTerm(TensorRecord):
    """``n_p . t_pk / std_p`` for two tangents k of the surface at each point: the normal stands upright on both.

    The tangents are about a unit long and perpendicular, so that a residual is an angle in radians over its deviation.
    They are linear in the vertices, which makes this as cheap as a point to plane distance.
    """

    level: ClassVar[int] = PICTURE
    tangents: FlamePoints  # 2 P differences: the first tangent of every point, then the second
    kernel: PseudoHuber
    normal_world: Tensor  # (N, P, 3) unit
    std: Tensor  # (N, P) radians; infinite where nothing is seen

    def residual(self, posed: PosedPoints) -> Tensor:
        """(N, P, 2) in standard deviations."""
        tangents = posed.position.unflatten(1, (2, -1))  # (N, 2, P, 3)
        return (tangents * self.normal_world[:, None]).sum(-1).transpose(1, 2) / self.std[..., None]

    def energy(self, values: Values) -> Tensor:
        """(N,)"""
        residual = self.residual(pose_points(self.tangents, values))
        return self.kernel.energy((residual**2).sum(-1)).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by all head variables."""
        posed = pose_points(self.tangents, values)
        residual = self.residual(posed)
        weight = self.kernel.weight((residual**2).sum(-1)).sqrt()  # (N, P)
        rows = self.normal_world * (weight / self.std)[..., None]
        jacobian = head_jacobian(posed, torch.cat([rows, rows], 1)[:, :, None], values, self.tangents.sizes)
        weighted = (residual * weight[..., None]).transpose(1, 2).flatten(1)  # in the order of the tangents
        return Linearisation(weighted, jacobian)
