"""The surface against the normals that are seen on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.points import FlamePoints, PosedPoints
from shared.records import TensorRecord
from teacher.head_variables import head_jacobian, pose_points
from teacher.residuals.bias import BiasModes
from teacher.residuals.robust import PseudoHuber
from teacher.solver.structure import PICTURE
from teacher.solver.terms import Linearisation, Values


@dataclass(frozen=True)
class Surface:
    """The surface at P points, shared by all rows."""

    tangents: FlamePoints  # 2 P differences: the first tangent of every point, then the second
    tilt: Tensor  # (P, 2) constant error of the normals along them
    modes: BiasModes  # and the errors that whole patches share in one picture

    def with_basis(self, basis: CodeBasis) -> Surface:
        """The same as a function of reduced codes."""
        return replace(self, tangents=self.tangents.with_basis(basis))


@dataclass(frozen=True)
class NormalTerm(TensorRecord):
    """``((n_p + bias_p) . t_pk - tilt_pk) / std_p`` for two tangents k at each point: the normal is upright on both.

    The tangents are about a unit long and perpendicular, so that a residual is an angle in radians over its deviation.
    They are linear in the vertices, which makes this as cheap as a point to plane distance. The bias is as that of
    `PixelTerm`, ``modes @ coefficients`` in the axes of the world; the tilt is a constant of the prior.
    """

    level: ClassVar[int] = PICTURE
    surface: Surface
    bias: str  # variable (N, 3 k): coefficients of x, of y, of z
    kernel: PseudoHuber
    normal: Tensor  # (N, P, 3) unit
    std: Tensor  # (N, P) radians; infinite where nothing is seen

    def residual(self, posed: PosedPoints, values: Values) -> Tensor:
        """(N, P, 2) in standard deviations."""
        tangents = posed.position.unflatten(1, (2, -1))  # (N, 2, P, 3)
        product = (tangents * self._normal(values)[:, None]).sum(-1).transpose(1, 2)
        return (product - self.surface.tilt) / self.std[..., None]

    def energy(self, values: Values) -> Tensor:
        """(N,)"""
        residual = self.residual(pose_points(self.surface.tangents, values), values)
        return self.kernel.energy((residual**2).sum(-1)).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by all head variables and the bias."""
        posed = pose_points(self.surface.tangents, values)
        residual = self.residual(posed, values)
        weight = self.kernel.weight((residual**2).sum(-1)).sqrt()  # (N, P)
        scale = (weight / self.std)[..., None]
        rows = self._normal(values) * scale
        jacobian = head_jacobian(posed, torch.cat([rows, rows], 1)[:, :, None], values, self.surface.tangents.sizes)
        # In the order of the tangents: (N, 2, P, 3) times (P, k).
        by_normal = posed.position.unflatten(1, (2, -1)) * scale[:, None]
        by_bias = by_normal[..., None] * self.surface.modes.matrix[:, None]
        jacobian[self.bias] = by_bias.flatten(3).flatten(1, 2)
        weighted = (residual * weight[..., None]).transpose(1, 2).flatten(1)
        return Linearisation(weighted, jacobian)

    def _normal(self, values: Values) -> Tensor:
        """(N, P, 3) as predicted, less what the bias explains."""
        coefficients = values[self.bias].unflatten(1, (3, -1))  # (N, 3, k)
        return self.normal + self.surface.modes.matrix @ coefficients.transpose(1, 2)
