"""What the fit sees of a face."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.records import TensorRecord


@dataclass(frozen=True)
class FaceEvidence(TensorRecord):
    """One face a row, in the pixels of its square crop."""

    landmarks_px: Tensor  # (..., 478, 2) MediaPipe's points in crop pixels
    camera: Camera  # crop camera, world frame as in `Camera.at_origin`; its intrinsics are taken as known


@dataclass(frozen=True)
class FitResult(TensorRecord):
    """One fitted face a row."""

    params: FlameParams
    camera: Camera  # the crop camera of the evidence
    landmark_error: Tensor  # (...) mean distance to the inner landmarks / distance of the outer eye corners
    eye_distance_m: Tensor  # (...) distance of the eyeball centres of the fitted head
    code_rms: Tensor  # (..., 2) root mean square of shape and expression in standard deviations
    energy: Tensor  # (...) final energy
    steps: Tensor  # (...) int64, accepted Levenberg-Marquardt steps
    converged: Tensor  # (...) bool
