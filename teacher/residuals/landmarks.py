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

    @staticmethod
    def of(positions_m: Tensor, std: float, length_m: float, captured: float = 0.98) -> BiasModes:
        """Principal modes of a Gaussian process over the landmarks' places (P, 3) on the mean head.

        Squared-exponential covariance ``std^2 exp(-d^2 / (2 length^2))``; the leading modes that hold the share
        ``captured`` of its variance.
        """
        double = positions_m.double()
        distance_sq = ((double[:, None] - double[None]) ** 2).sum(-1)
        eigenvalues, vectors = torch.linalg.eigh(std**2 * torch.exp(-distance_sq / (2 * length_m**2)))
        eigenvalues, vectors = eigenvalues.flip(0).clamp(min=0), vectors.flip(1)
        count = int((eigenvalues.cumsum(0) < captured * eigenvalues.sum()).sum()) + 1 if std > 0 else 0
        return BiasModes((vectors[:, :count] * eigenvalues[:count].sqrt()).to(positions_m))
