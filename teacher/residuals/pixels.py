"""Surface points against the pixels where they are seen, with correlated noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
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
class ErrorFields(TensorRecord):
    """Errors that points have in common: a sum of fields, whose coefficients are unknowns with a unit Gaussian prior.

    Minimising over them is weighing the points by the full covariance ``diag(std^2) + fields fields^T``, and leaves
    each point its own robust weight.
    """

    coefficients: str  # variable (N, k)
    fields_px: Tensor  # (N, P, 2, k)

    def offset_px(self, values: Values) -> Tensor:
        """(N, P, 2)"""
        offset = self.fields_px.flatten(1, 2) @ values[self.coefficients][..., None]  # one product a picture
        return offset[..., 0].unflatten(1, (-1, 2))


@dataclass(frozen=True)
class PixelTerm(TensorRecord):
    """``(project(x_p) + errors_p - target_p) / std_p`` in x and y.

    A detector errs in the same direction over whole patches of the face, and so does a network: that part of its error
    is the sum of the error fields, those of the picture and those of the person.
    """

    points: FlamePoints
    kernel: PseudoHuber
    camera: Camera  # (N) rows
    target_px: Tensor  # (N, P, 2)
    std_px: Tensor  # (N, P) what is independent from point to point; infinite where nothing is visible
    picture: ErrorFields | None
    person: ErrorFields | None = None

    @property
    def level(self) -> int:
        """A row a picture."""
        return VIEW

    @property
    def errors(self) -> tuple[ErrorFields, ...]:
        """Those that are there."""
        return tuple(one for one in (self.picture, self.person) if one is not None)

    def residual(self, posed: PosedPoints, values: Values) -> Tensor:
        """(N, P, 2) in standard deviations."""
        found = shifted(self.camera, posed.position, values)
        for errors in self.errors:
            found = found + errors.offset_px(values)
        return (found - self.target_px) / self.std_px[..., None]

    def energy(self, values: Values) -> Tensor:
        """(N,)"""
        residual = self.residual(pose_points(self.points, values), values)
        return self.kernel.energy((residual**2).sum(-1)).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by all head variables, the error fields and the principal point."""
        posed = pose_points(self.points, values)
        residual = self.residual(posed, values)
        weight = self.kernel.weight((residual**2).sum(-1)).sqrt()  # (N, P)
        scale = weight / self.std_px
        rows = projection_rows(self.camera, posed.position) * scale[..., None, None]
        jacobian = head_jacobian(posed, rows, values, self.points.sizes)
        across = torch.eye(2).to(scale) * scale[..., None, None]
        jacobian |= shift_jacobian(self.camera, across)
        for errors in self.errors:
            jacobian[errors.coefficients] = (errors.fields_px * scale[..., None, None]).flatten(1, 2)
        return Linearisation((residual * weight[..., None]).flatten(1), jacobian)
