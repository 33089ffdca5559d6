"""Places of a picture where a face may be, as detectors report them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.images.faces import roll_of
from shared.landmarker.blaze_face import BlazeFace
from shared.landmarker.boxes import Detections, iou
from shared.landmarker.center_face import CenterFace
from shared.landmarker.rotated_square import RotatedSquare

CROP_MARGIN = 1.5  # crop side over BlazeFace's box, as the landmark network was trained
CENTER_FACE_MARGIN = 1.275  # over CenterFace's box, which reaches up to the hair: where most profiles get landmarks
MIN_PRESENCE = 0.5
SAME_FACE_IOU = 0.4


@dataclass(frozen=True)
class Candidate:
    """A possible face."""

    square: RotatedSquare  # what the landmark network is to look at, turned upright
    score: float  # the detector's, 0 to 1
    min_presence: float = MIN_PRESENCE  # of the landmark network's, below which it is no face

    def box_px(self) -> np.ndarray:
        """(4,) x0 y0 x1 y1 of the face, without the margin, not turned."""
        (x, y), half = self.square.center_px, self.square.side_px / CROP_MARGIN / 2
        return np.array([x - half, y - half, x + half, y + half])

    def overlap(self, other: Candidate) -> float:
        """Intersection over union of both boxes."""
        return iou(self.box_px(), other.box_px())


def whole(image: np.ndarray) -> RotatedSquare:
    """The square around a picture."""
    height, width = image.shape[:2]
    return RotatedSquare((width / 2, height / 2), float(max(height, width)))


def look(detector: BlazeFace, image: np.ndarray, windows: Sequence[RotatedSquare]) -> list[list[Candidate]]:
    """What a detector finds in each window of a picture (H, W, 3) uint8 RGB; all in one run of the network."""
    crops = np.stack([window.sample(image, detector.size) for window in windows])
    return [
        [Candidate(square, score) for square, score in _squares(found, window, CROP_MARGIN)]
        for found, window in zip(detector(crops), windows, strict=True)
    ]


def look_closely(detector: CenterFace, image: np.ndarray, side_px: int, quarter: int = 0) -> list[Candidate]:
    """What CenterFace finds in a picture turned by quarters. It is right also where the landmark network finds no face.

    Args:
        detector: the network.
        image: (H, W, 3) uint8 RGB.
        side_px: longer side at which it looks at the picture.
        quarter: how often the picture is turned by 90 degrees, counter-clockwise as seen.
    """
    turned = np.ascontiguousarray(np.rot90(image, quarter))
    found = detector(turned, side_px)
    frame = RotatedSquare(whole(image).center_px, 1.0, quarter * np.pi / 2)
    shift = 0.5 - np.array(turned.shape[1::-1]) / 2
    moved = Detections(found.boxes + np.tile(shift, 2), found.axes + shift, found.scores)
    return [Candidate(square, score, 0.0) for square, score in _squares(moved, frame, CENTER_FACE_MARGIN)]


def without_overlaps(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best-scored candidate of each place (non-maximum suppression)."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda one: -one.score):
        if all(candidate.overlap(other) < SAME_FACE_IOU for other in kept):
            kept.append(candidate)
    return kept


def _squares(found: Detections, window: RotatedSquare, margin: float) -> list[tuple[RotatedSquare, float]]:
    """Upright squares around detections in a window's [0, 1] x [0, 1], and their scores."""
    centers = window.to_picture((found.boxes[:, :2] + found.boxes[:, 2:]) / 2)
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1, initial=0) * window.side_px * margin
    angles = [roll_of(*axis) for axis in window.to_picture(found.axes)]
    return [
        (RotatedSquare((float(x), float(y)), float(side), angle), float(score))
        for (x, y), side, angle, score in zip(centers, sides, angles, found.scores, strict=True)
    ]
