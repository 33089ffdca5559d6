"""Surface points against the pixels where they are seen, with correlated noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.points import FlamePoints, PosedPoints
from shared.geometry.camera import Camera
from shared.geometry.projection import projection_rows
from shared.records import TensorRecord
from teacher.head_variables import head_jacobian, pose_points
from teacher.residuals.bias import BiasModes
from teacher.residuals.principal import shift_jacobian, shifted
from teacher.residuals.robust import PseudoHuber
from teacher.solver.structure import PICTURE
from teacher.solver.terms import Linearisation, Values


@dataclass(frozen=True)
class PixelTerm(TensorRecord):
    """``(project(x_p) + bias_p - target_p) / std_p`` in x and y.

    A detector errs in the same direction over whole patches of the face, and so does a network. That part of its error
    is the bias: a smooth field over the points, ``bias = scale_px * modes @ coefficients``, whose coefficients are
    unknowns with a unit Gaussian prior. Minimising over them is the same as weighing the points by the full covariance
    ``diag(std^2) + scale_px^2 modes modes^T``, and it leaves each point its own robust weight.
    """

    points: FlamePoints
    modes: BiasModes
    bias: str  # variable (N, 2 k): coefficients of x, then of y
    kernel: PseudoHuber
    camera: Camera  # (N) rows
    target_px: Tensor  # (N, P, 2)
    std_px: Tensor  # (N, P) what is independent from point to point; infinite where nothing is seen
    scale_px: Tensor  # (N,) pixels of one unit of the modes

    @property
    def level(self) -> int:
        """A row a picture."""
        return PICTURE

    def residual(self, posed: PosedPoints, values: Values) -> Tensor:
        """(N, P, 2) in standard deviations."""
        coefficients = values[self.bias].unflatten(1, (2, -1))  # (N, 2, k)
        bias_px = self.scale_px[:, None, None] * (self.modes.matrix @ coefficients.transpose(1, 2))
        projected = shifted(self.camera, posed.position, values)
        return (projected + bias_px - self.target_px) / self.std_px[..., None]

    def energy(self, values: Values) -> Tensor:
        """(N,)"""
        residual = self.residual(pose_points(self.points, values), values)
        return self.kernel.energy((residual**2).sum(-1)).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by all head variables, the bias and the principal point."""
        posed = pose_points(self.points, values)
        residual = self.residual(posed, values)
        weight = self.kernel.weight((residual**2).sum(-1)).sqrt()  # (N, P)
        scale = weight / self.std_px
        rows = projection_rows(self.camera, posed.position) * scale[..., None, None]
        jacobian = head_jacobian(posed, rows, values, self.points.sizes)
        across = torch.eye(2).to(scale) * scale[..., None, None]
        jacobian |= shift_jacobian(self.camera, across)
        by_bias = (scale * self.scale_px[:, None])[..., None] * self.modes.matrix  # (N, P, k)
        zero = torch.zeros_like(by_bias)
        by_x, by_y = torch.cat([by_bias, zero], -1), torch.cat([zero, by_bias], -1)
        jacobian[self.bias] = torch.stack([by_x, by_y], 2).flatten(1, 2)
        return Linearisation((residual * weight[..., None]).flatten(1), jacobian)
