"""Detected landmarks against projected surface points, with correlated noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.points import FlamePoints, PosedPoints
from shared.geometry.camera import Camera
from shared.geometry.projection import projection_rows
from shared.records import TensorRecord
from teacher.head_variables import head_jacobian, pose_points
from teacher.residuals.robust import PseudoHuber
from teacher.solver import Linearisation, Values

BIAS = "landmark_bias"  # variable (B, 2 k): x coefficients, then y


@dataclass(frozen=True)
class LandmarkTerm(TensorRecord):
    """``(project(x_p) + bias_p - target_p) / std_p`` in x and y.

    A detector errs in the same direction over whole patches of the face. That part of its error is the bias: a smooth
    field over the landmarks, ``bias = scale_px * modes @ coefficients``, whose coefficients are unknowns with a unit
    Gaussian prior. Minimising over them is the same as weighing the landmarks by the full covariance
    ``diag(std^2) + scale_px^2 modes modes^T``, and it leaves each point its own robust weight.
    """

    points: FlamePoints
    modes: BiasModes
    kernel: PseudoHuber
    camera: Camera  # (B) rows
    target_px: Tensor  # (B, P, 2)
    std_px: Tensor  # (B, P) what is independent from point to point
    scale_px: Tensor  # (B,) pixels of one unit of the modes

    def residual(self, posed: PosedPoints, values: Values) -> Tensor:
        """(B, P, 2) in standard deviations."""
        coefficients = values[BIAS].unflatten(1, (2, -1))  # (B, 2, k)
        bias_px = self.scale_px[:, None, None] * (self.modes.matrix @ coefficients.transpose(1, 2))
        projected = self.camera.project(posed.position)
        return (projected + bias_px - self.target_px) / self.std_px[..., None]

    def energy(self, values: Values) -> Tensor:
        """(B,)"""
        residual = self.residual(pose_points(self.points, values), values)
        return self.kernel.energy((residual**2).sum(-1)).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by all head variables and the bias."""
        posed = pose_points(self.points, values)
        residual = self.residual(posed, values)
        weight = self.kernel.weight((residual**2).sum(-1)).sqrt()  # (B, P)
        scale = weight / self.std_px
        rows = projection_rows(self.camera, posed.position) * scale[..., None, None]
        jacobian = head_jacobian(posed, rows, values, self.points.sizes)
        by_bias = (scale * self.scale_px[:, None])[..., None] * self.modes.matrix  # (B, P, k)
        zero = torch.zeros_like(by_bias)
        by_x, by_y = torch.cat([by_bias, zero], -1), torch.cat([zero, by_bias], -1)
        jacobian[BIAS] = torch.stack([by_x, by_y], 2).flatten(1, 2)
        return Linearisation((residual * weight[..., None]).flatten(1), jacobian)


@dataclass(frozen=True)
class BiasModes:
    """Smooth displacement fields over the landmarks, shared by all problems."""

    matrix: Tensor  # (P, k)
    remainder: Tensor  # (P,) standard deviation of what the modes leave out

    @staticmethod
    def of(positions_m: Tensor, std: float, length_m: float, count: int) -> BiasModes:
        """The leading ``count`` modes of a Gaussian process over the landmarks' places (P, 3) on the mean head.

        Its covariance is ``std^2 exp(-distance / length)``. What the modes leave out differs from point to point so
        quickly that it may count as independent noise; its size is returned as the remainder.
        """
        places = positions_m.double()
        distance = (places[:, None] - places[None]).norm(dim=-1)
        eigenvalues, vectors = torch.linalg.eigh(std**2 * torch.exp(-distance / length_m))
        scaled = vectors.flip(1)[:, :count] * eigenvalues.flip(0)[:count].clamp(min=0).sqrt()
        left = (std**2 - (scaled**2).sum(1)).clamp(min=0).sqrt()
        return BiasModes(scaled.to(positions_m), left.to(positions_m))

    def scaled(self, factor: Tensor) -> BiasModes:
        """The same process with each point's deviation times a factor (P,)."""
        return BiasModes(self.matrix * factor[:, None], self.remainder * factor)
