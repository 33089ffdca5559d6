"""One reconstruction against the truth of its picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.evaluate.metrics import FaceScore, landmark_error_2d, score_face
from shared.evaluate.protocol import Reconstruction
from shared.evaluate.truth_set import BenchmarkItem, TrueHead
from shared.flame.landmarks import FACE_OVAL, N_MEDIAPIPE, OUTER_EYE_CORNERS

# The oval's points slide along the contour as the head turns: no two detectors mean the same by them.
INNER = tuple(sorted(set(range(N_MEDIAPIPE)) - set(FACE_OVAL)))


@dataclass(frozen=True, eq=False)
class PictureScore:
    """One picture."""

    posed: FaceScore
    neutral: FaceScore | None  # None where the method gives no neutral mesh
    landmark_error: float | None  # percent of the distance of the outer eye corners; None without landmarks

    @property
    def tasks(self) -> dict[str, FaceScore]:
        """Those that are there, by name."""
        return {"posed": self.posed} if self.neutral is None else {"posed": self.posed, "neutral": self.neutral}


def score_picture(found: Reconstruction, item: BenchmarkItem, truth: TrueHead) -> PictureScore:
    """Errors of both meshes and of the landmarks of a checked reconstruction."""
    return PictureScore(
        posed=score_face(truth.posed, found.posed),
        neutral=None if found.neutral is None else score_face(truth.neutral, found.neutral),
        landmark_error=inner_landmark_error(found.landmarks_px, item.landmarks_px, truth.eye_distance_px),
    )


def inner_landmark_error(found_px: Tensor | None, wanted_px: Tensor, eye_distance_px: float | None) -> float | None:
    """Mean distance of the points off the face oval in percent of the eye distance; None without landmarks.

    Args:
        found_px, wanted_px: (478, 2) pixels.
        eye_distance_px: that of ``wanted_px`` if None.
    """
    if found_px is None:
        return None
    wanted, rows = wanted_px.double(), list(INNER)
    unit = None if eye_distance_px is None else torch.tensor(eye_distance_px, dtype=torch.float64)
    right, left = (INNER.index(corner) for corner in OUTER_EYE_CORNERS)
    return float(landmark_error_2d(found_px.double()[rows], wanted[rows], unit, (right, left)))
