"""A fitted face, or one on which the solver broke down."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.quality.gate import Failure
from teacher.evidence.records import FitResult, MapCheck
from teacher.observation.face import ObservedFace
from teacher.quality.gate import FitVerdict


@dataclass(frozen=True, eq=False)
class FittedFace:
    """A face, its fit and what the gate says; on the CPU, without leading dimensions."""

    face: ObservedFace
    result: FitResult
    verts_m: Tensor  # (V, 3) posed, world frame
    mesh_landmarks_px: Tensor  # (478, 2) MediaPipe's points on that mesh, full picture; NaN where the head has none
    verdict: FitVerdict
    confidence: Tensor  # (R,) for each of `FACE_PARTS`, see `PartConfidence`
    check: MapCheck | None  # of the network's maps

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why there is no label; empty if there is one."""
        return self.verdict.failures

    @property
    def camera(self) -> Camera:
        """The fitted camera of the full picture."""
        return self.result.camera.warped(self.face.crop.inverse_affine(), self.face.camera.size)

    @property
    def is_finite(self) -> bool:
        """Whether there is a mesh to draw."""
        return bool(torch.isfinite(self.verts_m).all())


@dataclass(frozen=True, eq=False)
class UnfittedFace:
    """A face on which the solver broke down."""

    face: ObservedFace
    failures: tuple[Failure, ...] = (Failure("fit broke down", "the solver could not work with this face"),)


FitOutcome = FittedFace | UnfittedFace
