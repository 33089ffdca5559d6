"""The principal point as an unknown: projections are shifted by it."""

from __future__ import annotations

from torch import Tensor

from shared.geometry.camera import Camera
from teacher.solver.terms import Values

PRINCIPAL = "principal"  # variable (N, 2): of the principal point, in focal lengths, from where the camera has it


def shifted(camera: Camera, position_m: Tensor, values: Values) -> Tensor:
    """(N, P, 2) pixels of points (N, P, 3)."""
    return camera.project(position_m) + (camera.focal_px * values[PRINCIPAL])[:, None]


def shift_jacobian(camera: Camera, rows: Tensor) -> dict[str, Tensor]:
    """Derivatives of residuals whose rows by pixel are (N, P, R, 2): name -> (N, P R, 2)."""
    return {PRINCIPAL: (rows * camera.focal_px[:, None, None]).flatten(1, 2)}
