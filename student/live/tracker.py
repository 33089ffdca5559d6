"""Where the face is in each frame: followed from the frame before, searched for only when it is lost.

A network that takes landmarks gets MediaPipe's in every frame, and their score says when the face is gone. One that
takes the picture alone places its own next crop, and is checked by that score now and then, and whenever it has doubts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from shared.config import TrackConfig
from shared.images.faces import DetectedFace, FaceDetector, box_area, select
from shared.images.mediapipe_faces import iou

_N_FACE = 468  # MediaPipe's points without the irises
_HABIT = 0.1  # share of a new frame in the usual deviations


class Follower(Protocol):
    """Looks at faces in less time than a detector; `LandmarkTracker` is one."""

    def track(self, image: np.ndarray, around_px: np.ndarray) -> DetectedFace | None:
        """The face that is about where landmarks (478, 2) are, or None."""
        ...

    def glance(self, image: np.ndarray) -> list[DetectedFace]:
        """Faces that are easy to find."""
        ...


@dataclass(frozen=True, eq=False)
class Place:
    """Where to look for the head of a frame."""

    around_px: np.ndarray  # (478, 2) landmarks that place the crop
    landmarks_px: np.ndarray | None  # (478, 2) MediaPipe's in this frame, where it was asked
    score: float  # its score for a face, when it was asked last
    follows: bool  # goes on from the frame before


class FaceTracker:
    """Follows one face through a stream: ask `place` for each frame, then `confirm` what was told of it."""

    def __init__(self, detector: FaceDetector, follower: Follower, every_frame: bool, config: TrackConfig) -> None:
        """``every_frame``: MediaPipe's landmarks are needed in each, not only where there is doubt."""
        self._detector, self._follower = detector, follower
        self._every_frame, self._config = every_frame, config
        self._around: np.ndarray | None = None  # landmarks of the frame before
        self._score, self._unchecked, self._usual = 0.0, 0, math.nan
        self._last_box: np.ndarray | None = None
        self._lost_s, self._searched_s = -math.inf, -math.inf

    def place(self, image: np.ndarray, time_s: float, starts_shot: bool) -> Place | None:
        """Where the face is in the next frame (H, W, 3); None if it is not seen."""
        if starts_shot:
            self._around, self._last_box, self._searched_s = None, None, -math.inf
        if self._around is None:
            return self.search(image, time_s)
        if not self._every_frame:
            return Place(self._around, None, self._score, True)
        face = self._follower.track(image, self._around)
        if face is None or not self._goes_on(face.landmarks_px, face.image_size):
            return self.search(image, time_s)
        return Place(face.landmarks_px, face.landmarks_px, face.mesh_score, True)

    def search(self, image: np.ndarray, time_s: float) -> Place | None:
        """Find a face again: the same if it is near where it was lost a moment ago, else the largest."""
        if self._around is not None:  # lost just now
            self._around, self._lost_s, self._searched_s = None, time_s, -math.inf
        if time_s - self._searched_s >= self._config.search_s:
            faces, self._searched_s = self._detector.detect(image), time_s
        else:
            faces = self._follower.glance(image)
        face = self._same(faces, time_s) or next(iter(select(faces, "largest")), None)
        if face is None:
            return None
        self._score, self._unchecked, self._usual = face.mesh_score, 0, math.nan
        return Place(face.landmarks_px, face.landmarks_px, face.mesh_score, False)

    def confirm(self, image: np.ndarray, place: Place, landmarks_px: np.ndarray, log_std: float) -> bool:
        """Whether what was told of a place is the face; then it places the next crop.

        Args:
            image: the frame.
            place: what `place` or `search` gave for it.
            landmarks_px: (478, 2) of the head that was told.
            log_std: mean of its stated deviations, logarithm.
        """
        if not np.isfinite(landmarks_px).all():
            return False
        if place.landmarks_px is None:
            self._unchecked += 1
            doubt = log_std > self._usual + self._config.doubt or not self._goes_on(landmarks_px, image.shape[:2])
            if doubt or self._unchecked >= self._config.check_every:
                face = self._follower.track(image, landmarks_px)
                if face is None or not self._goes_on(face.landmarks_px, face.image_size):
                    return False
                self._score, self._unchecked = face.mesh_score, 0
        self._usual = log_std if math.isnan(self._usual) else self._usual + _HABIT * (log_std - self._usual)
        self._around, self._last_box = landmarks_px, _box(landmarks_px)
        return True

    def _goes_on(self, landmarks_px: np.ndarray, size: Sequence[int]) -> bool:
        """Whether a face can be that of the frame before, one frame later, and is still in the picture."""
        box, height, width = _box(landmarks_px), size[0], size[1]
        inside = ((landmarks_px >= 0) & (landmarks_px <= (width, height))).all(1).mean()
        if inside < self._config.inside:
            return False
        if self._last_box is None:
            return True
        growth = float(np.hypot(*(box[2:] - box[:2])) / np.hypot(*(self._last_box[2:] - self._last_box[:2])))
        alike = 1 / self._config.growth < growth < self._config.growth
        return alike and iou(box, self._last_box) > self._config.overlap

    def _same(self, faces: Sequence[DetectedFace], time_s: float) -> DetectedFace | None:
        """The one that overlaps most with where the face was last, if that is not long ago."""
        if self._last_box is None or time_s - self._lost_s > self._config.remember_s:
            return None
        near = [(iou(_box(face.landmarks_px), self._last_box), box_area(face), face) for face in faces]
        overlap, _, face = max(near, key=lambda one: one[:2], default=(0.0, 0.0, None))
        return face if overlap > self._config.overlap else None


def _box(landmarks_px: np.ndarray) -> np.ndarray:
    """(4,) x0 y0 x1 y1 around the landmarks."""
    face = landmarks_px[:_N_FACE]
    return np.concatenate([face.min(0), face.max(0)])
