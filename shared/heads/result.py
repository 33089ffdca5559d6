"""What both modes find in a picture, in one record: the accurate one and the fast one answer alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.records.tensor_record import TensorRecord


@dataclass(frozen=True)
class HeadResult(TensorRecord):
    """One face of a picture, on the CPU, without leading dimensions. Metres, radians, pixels of the full picture."""

    params: FlameParams
    camera: Camera  # of the full picture
    verts_m: Tensor  # (V, 3) posed mesh, world frame
    detected_landmarks_px: Tensor  # (478, 2) where the landmarker sees MediaPipe's points
    mesh_landmarks_px: Tensor  # (478, 2) the same points on the mesh, projected; NaN where the head model has none
    detector_score: float  # of the face detector, 0 to 1
    quality: float  # 0 to 1: the margin of the weakest check of the quality gate, 0 if one fails
    failures: tuple[str, ...]  # what the quality gate holds against it, with the numbers; empty if nothing
    # (52) the landmarker's, in the order of `shared.landmarker.blendshapes.BLENDSHAPE_NAMES`; None: not computed
    blendshapes: Tensor | None = None


def all_landmarks_px(points_px: Tensor, known: Tensor, count: int) -> Tensor:
    """(..., count, 2) of the points (..., P, 2) that a head model has; NaN at the others.

    Args:
        points_px: of the landmarks that are ``known``.
        known: (P,) their numbers.
        count: of all landmarks.
    """
    whole = points_px.new_full((*points_px.shape[:-2], count, 2), torch.nan)
    whole[..., known, :] = points_px
    return whole
