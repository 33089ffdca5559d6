"""Places of a picture where a face may be, as detectors report them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from shared.images.faces import roll_of
from shared.landmarker.blaze_face import BlazeFace
from shared.landmarker.boxes import Detections, iou
from shared.landmarker.rotated_square import RotatedSquare

CROP_MARGIN = 1.5  # crop side over the face's box, as the landmark network was trained
SAME_FACE_IOU = 0.4


@dataclass(frozen=True)
class Candidate:
    """A possible face."""

    square: RotatedSquare  # around the box, turned upright
    score: float  # the detector's, 0 to 1
    trusted: bool = True  # the score may stand without a second look

    def box_px(self) -> np.ndarray:
        """(4,) x0 y0 x1 y1 of the face, without the margin, not turned."""
        (x, y), half = self.square.center_px, self.square.side_px / CROP_MARGIN / 2
        return np.array([x - half, y - half, x + half, y + half])

    def overlap(self, other: Candidate) -> float:
        """Intersection over union of both boxes."""
        return iou(self.box_px(), other.box_px())

    def doubted(self) -> Candidate:
        """The same, in need of a second look."""
        return replace(self, trusted=False)


def look(detector: BlazeFace, image: np.ndarray, windows: Sequence[RotatedSquare]) -> list[list[Candidate]]:
    """What a detector sees in each window of a picture (H, W, 3) uint8 RGB; all in one run of the network."""
    crops = np.stack([window.sample(image, detector.size) for window in windows])
    return [candidates_of(found, window) for found, window in zip(detector(crops), windows, strict=True)]


def candidates_of(found: Detections, window: RotatedSquare, trusted: bool = True) -> list[Candidate]:
    """Detections in a window, as places of the picture."""
    centers = window.to_picture((found.boxes[:, :2] + found.boxes[:, 2:]) / 2)
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1, initial=0) * window.side_px * CROP_MARGIN
    angles = [roll_of(*eyes) for eyes in window.to_picture(found.eyes)]
    return [
        Candidate(RotatedSquare((float(x), float(y)), float(side), angle), float(score), trusted)
        for (x, y), side, angle, score in zip(centers, sides, angles, found.scores, strict=True)
    ]


def without_overlaps(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best-scored candidate of each place (non-maximum suppression)."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda one: -one.score):
        if all(candidate.overlap(other) < SAME_FACE_IOU for other in kept):
            kept.append(candidate)
    return kept
