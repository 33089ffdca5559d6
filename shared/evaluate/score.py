"""One reconstruction against the truth of its picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.evaluate.metrics import FaceScore, landmark_error_2d, score_face
from shared.evaluate.motion import RegionMotion, score_motion
from shared.evaluate.protocol import Reconstruction
from shared.evaluate.truth_set import INNER, TrueHead, TrueLandmarks
from shared.flame.landmarks import OUTER_EYE_CORNERS


@dataclass(frozen=True, eq=False)
class PictureScore:
    """One picture."""

    posed: FaceScore
    neutral: FaceScore | None  # None where the method gives no neutral mesh, or none is known
    landmark_error: float | None  # percent of the distance of the outer eye corners; None without landmarks
    motion: dict[str, RegionMotion] | None = None  # region -> motion from neutral; None where it is not known

    @property
    def tasks(self) -> dict[str, FaceScore]:
        """Those that are there, by name."""
        return {"posed": self.posed} if self.neutral is None else {"posed": self.posed, "neutral": self.neutral}


def score_picture(found: Reconstruction, truth: TrueHead) -> PictureScore:
    """Errors of both meshes, of the motion between them, and of the landmarks of a checked reconstruction."""
    both = found.neutral is not None and truth.neutral is not None
    return PictureScore(
        posed=score_face(truth.posed, found.posed),
        neutral=score_face(truth.neutral, found.neutral) if both else None,  # type: ignore[arg-type]
        landmark_error=landmark_error(found.landmarks_px, truth.landmarks),
        motion=score_motion(found.posed, found.neutral, truth.posed, truth.neutral),
    )


def landmark_error(found_px: Tensor | None, truth: TrueLandmarks | None) -> float | None:
    """Mean distance of landmarks (478, 2) from those that are known, percent of the eye distance; None without."""
    if found_px is None or truth is None:
        return None
    unit = torch.tensor(truth.eye_distance_px, dtype=torch.float64)
    return float(landmark_error_2d(found_px.double()[list(truth.rows)], truth.points_px.double(), unit))


def inner_landmark_error(found_px: Tensor | None, wanted_px: Tensor) -> float | None:
    """Mean distance of the points off the face oval of two (478, 2), percent of the eye distance of the second."""
    if found_px is None:
        return None
    rows = list(INNER)
    right, left = (INNER.index(corner) for corner in OUTER_EYE_CORNERS)
    return float(landmark_error_2d(found_px.double()[rows], wanted_px.double()[rows], None, (right, left)))
