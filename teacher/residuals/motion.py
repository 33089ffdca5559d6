"""Smooth motion between successive frames."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.points import FlamePoints, PosedPoints
from shared.records.tensor_record import TensorRecord
from teacher.residuals.robust import PseudoHuber
from teacher.residuals.variables import head_jacobian, pose_points
from teacher.solver.terms import ChainLinearisation, Values


@dataclass(frozen=True)
class MotionTerm(TensorRecord):
    """``(x[t - 1] - 2 x[t] + x[t + 1]) / std`` of points on the skin: their acceleration.

    One number for pose, jaw, lids and expression alike, in metres: what trembles is seen as trembling points, whichever
    parameters do it. A constant velocity costs nothing. Blinks and starts are outliers, which the kernel lets pass. The
    points are those of the mean shape, so that the term says nothing of the identity.
    """

    points: FlamePoints  # P of them
    kernel: PseudoHuber
    follows: Tensor  # (T,) bool: the moment is one frame after the one before, in the same shot
    std_m: Tensor  # (T,) standard deviation of the acceleration, metres a frame^2

    def energy(self, values: Values, structure_subject: Tensor) -> Tensor:
        """(T,) see `ChainTerm`."""
        bend, scale = self._bend(self._posed(values), structure_subject)
        share = self.kernel.energy(((bend * scale[:, None, None]) ** 2).sum(-1)).sum(1)
        return torch.nn.functional.pad(share, (1, 1))

    def linearise(self, values: Values, structure_subject: Tensor) -> ChainLinearisation:
        """Jacobian of the positions by all head variables but the shape."""
        posed = self._posed(values)
        bend, scale = self._bend(posed, structure_subject)
        robust = self.kernel.weight(((bend * scale[:, None, None]) ** 2).sum(-1)).sqrt()  # (T - 2, P)
        weight = (robust * scale[:, None])[..., None].expand_as(bend).flatten(1)
        rows = torch.eye(3).to(bend).expand(*posed.position.shape[:2], 3, 3)
        jacobian = head_jacobian(posed, rows, self._without_shape(values), self.points.sizes)
        del jacobian["shape"]
        return ChainLinearisation(bend.flatten(1) * weight, weight, jacobian)

    def _bend(self, posed: PosedPoints, person: Tensor) -> tuple[Tensor, Tensor]:
        """(T - 2, P, 3) metres, and (T - 2,) one over its deviation, 0 where three moments are not one motion."""
        x = posed.position
        linked = self.follows[1:-1] & self.follows[2:] & (person[2:] == person[:-2])
        return x[:-2] - 2 * x[1:-1] + x[2:], linked.to(x) / self.std_m[1:-1]

    def _posed(self, values: Values) -> PosedPoints:
        return pose_points(self.points, self._without_shape(values))

    def _without_shape(self, values: Values) -> dict[str, Tensor]:
        return {**values, "shape": torch.zeros_like(values["shape"])}
