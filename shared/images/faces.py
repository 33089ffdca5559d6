"""Faces found in a picture, and what a detector of faces promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from shared.flame.landmarks import OUTER_EYE_CORNERS


@dataclass(frozen=True, eq=False)
class DetectedFace:
    """One face with MediaPipe's 478 landmarks, numbered as in `shared.flame.landmarks`."""

    landmarks_px: np.ndarray  # (478, 2) float32, x and y in the whole picture by our pixel convention; may lie outside
    z: np.ndarray  # (478,) float32, relative depth in pixels of the picture, smaller is nearer; unreliable
    box_px: np.ndarray  # (4,) float32, x0 y0 x1 y1 around the landmarks
    detector_score: float  # the face detector's, 0 to 1
    presence: float  # the landmark network's probability of a face in its crop, 0 to 1
    image_size: tuple[int, int]  # (height, width) of the picture
    # (52,) float32, 0 to 1, in the order of `shared.landmarker.blendshapes.BLENDSHAPE_NAMES`; None: not computed
    blendshapes: np.ndarray | None = None

    @property
    def size_px(self) -> float:
        """Distance of the outer eye corners in pixels (it shrinks as the head turns aside)."""
        right, left = self.landmarks_px[list(OUTER_EYE_CORNERS)].astype(np.float64)
        return float(np.hypot(*(left - right)))

    @property
    def roll_rad(self) -> float:
        """Rotation in the picture plane, clockwise positive as seen, 0 for an upright face."""
        return roll_of(*self.landmarks_px[list(OUTER_EYE_CORNERS)].astype(np.float64))

    @property
    def inside_share(self) -> float:
        """Share of the landmarks inside the picture: below 1 the face is cut off, and the rest is extrapolated."""
        height, width = self.image_size
        inside = (self.landmarks_px >= 0) & (self.landmarks_px <= (width, height))
        return float(inside.all(axis=1).mean())


class FaceDetector(Protocol):
    """Anything that finds faces and their landmarks."""

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        """Faces of one (H, W, 3) uint8 RGB picture, the largest box first; empty if there is none."""
        ...


def select(faces: Sequence[DetectedFace], which: Literal["largest", "all"]) -> list[DetectedFace]:
    """The faces to work on: all, or the one with the largest box."""
    if which == "all":
        return list(faces)
    if which == "largest":
        return sorted(faces, key=box_area, reverse=True)[:1]
    raise ValueError(f"faces to select: 'largest' or 'all', got {which!r}")


def roll_of(right_eye_px: np.ndarray, left_eye_px: np.ndarray) -> float:
    """Roll in radians of a face whose eyes, the subject's right and left, are at two points (2,)."""
    return float(np.arctan2(left_eye_px[1] - right_eye_px[1], left_eye_px[0] - right_eye_px[0]))


def box_area(face: DetectedFace) -> float:
    """Area of the face's box in square pixels."""
    x0, y0, x1, y1 = face.box_px.tolist()
    return (x1 - x0) * (y1 - y0)
