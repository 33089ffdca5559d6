"""Where the face is in each frame: followed from the frame before, searched for only when it is lost.

`LandmarkLedTracker` asks MediaPipe in every frame; `HeadLedTracker` lets the network place its own next crop.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.images.faces import DetectedFace, FaceDetector, box_area, select
from shared.landmarker.boxes import iou
from student.config import TrackConfig
from student.live.filters import LONGEST_STEP_S, OneEuro

_N_FACE = 468  # MediaPipe's points without the irises
# Cutoff at rest in Hz, Hz more per side of the face's box a second, cutoff of the speed.
_CALM = (0.7, 8.0, 5.0)
_HABIT = 0.1  # share of a new frame in the usual deviations


class Follower(Protocol):
    """Looks at faces in less time than a detector; `shared.landmarker.tracker.LandmarkTracker` is one."""

    def track(self, image: np.ndarray, around_px: np.ndarray) -> DetectedFace | None:
        """The face that is about where landmarks (478, 2) are, or None."""
        ...

    def glance(self, image: np.ndarray) -> list[DetectedFace]:
        """Faces that are easy to find."""
        ...


@dataclass(frozen=True, eq=False)
class FaceRegion:
    """Where to look for the head of a frame."""

    around_px: np.ndarray  # (478, 2) landmarks that place the crop
    landmarks_px: np.ndarray | None  # (478, 2) MediaPipe's in this frame, where it was asked
    presence: float  # its probability of a face, when it was asked last
    follows: bool  # goes on from the frame before
    blendshapes: np.ndarray | None = None  # (52,) in this frame, where the landmarker was asked


class FaceTracker(ABC):
    """Follows one face through a stream: ask `place` for each frame, then `confirm` what was predicted."""

    runs_ahead: ClassVar[bool]  # frames may be placed before it is known what was predicted for those before

    def __init__(self, detector: FaceDetector, follower: Follower, config: TrackConfig) -> None:
        self._detector, self._follower, self._config = detector, follower, config
        self._around: np.ndarray | None = None  # landmarks of the frame before
        self._last_box: np.ndarray | None = None
        self._lost_s, self._searched_s = -math.inf, -math.inf

    def place(self, image: np.ndarray, time_s: float, starts_shot: bool) -> FaceRegion | None:
        """Where the face is in the next frame (H, W, 3); None if it is not seen."""
        if starts_shot:
            self._around, self._last_box, self._searched_s = None, None, -math.inf
        there = None if self._around is None else self._follow(image, self._around)
        return self._search(image, time_s) if there is None else there

    @abstractmethod
    def confirm(self, image: np.ndarray, place: FaceRegion, landmarks_px: np.ndarray, log_std: float) -> bool:
        """Whether what was predicted for a place is a face.

        Args:
            image: the frame.
            place: what `place` or `again` gave for it.
            landmarks_px: (478, 2) of the predicted head.
            log_std: mean of its stated deviations, logarithm.
        """

    @abstractmethod
    def again(self, image: np.ndarray, time_s: float) -> FaceRegion | None:
        """Where else the face could be in a frame whose head was not confirmed."""

    @abstractmethod
    def _follow(self, image: np.ndarray, around_px: np.ndarray) -> FaceRegion | None:
        """The face about where it was; None if it is gone."""

    def _search(self, image: np.ndarray, time_s: float) -> FaceRegion | None:
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
        self._remember(face.landmarks_px)
        return FaceRegion(face.landmarks_px, face.landmarks_px, face.presence, False, face.blendshapes)

    def _remember(self, landmarks_px: np.ndarray) -> None:
        """The face is here."""
        self._around, self._last_box = landmarks_px, _box(landmarks_px)

    def _asked(self, image: np.ndarray, around_px: np.ndarray) -> DetectedFace | None:
        """MediaPipe's landmarks about a place, if they can be of the face of the frame before."""
        face = self._follower.track(image, around_px)
        return face if face is not None and self._goes_on(face.landmarks_px, face.image_size) else None

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


class LandmarkLedTracker(FaceTracker):
    """For a network that takes MediaPipe's landmarks: each frame's lead to the next, and say when the face is gone.

    What it looks at in the next frame is placed calmly: landmarks scatter with the crop that they are found in.
    """

    runs_ahead = True

    def __init__(self, detector: FaceDetector, follower: Follower, config: TrackConfig) -> None:
        super().__init__(detector, follower, config)
        self._calm, self._unit_px, self._seen_s = OneEuro(*_CALM), 1.0, -math.inf

    def confirm(self, image: np.ndarray, place: FaceRegion, landmarks_px: np.ndarray, log_std: float) -> bool:
        """Whether it is finite."""
        return bool(np.isfinite(landmarks_px[list(OUTER_EYE_CORNERS)]).all())  # every head has these

    def again(self, image: np.ndarray, time_s: float) -> FaceRegion | None:
        """Nowhere: MediaPipe saw it here."""
        return None

    def place(self, image: np.ndarray, time_s: float, starts_shot: bool) -> FaceRegion | None:
        """As in every tracker."""
        place = super().place(image, time_s, starts_shot)
        if place is not None:
            self._around = self._calmed(place.around_px, time_s, place.follows)
        return place

    def _follow(self, image: np.ndarray, around_px: np.ndarray) -> FaceRegion | None:
        face = self._asked(image, around_px)
        if face is None:
            return None
        self._remember(face.landmarks_px)
        return FaceRegion(face.landmarks_px, face.landmarks_px, face.presence, True, face.blendshapes)

    def _calmed(self, landmarks_px: np.ndarray, time_s: float, follows: bool) -> np.ndarray:
        """(478, 2) filtered as one vector, in sides of the box that the face had at first."""
        step_s, self._seen_s = time_s - self._seen_s, time_s
        if not follows or not 0 < step_s < LONGEST_STEP_S:
            box = _box(landmarks_px)
            self._unit_px = float((box[2:] - box[:2]).max()) * len(landmarks_px) ** 0.5
            self._calm.reset()
            step_s = 1.0  # of the first nothing depends on it
        calm = self._calm(landmarks_px.reshape(1, -1) / self._unit_px, step_s)
        return calm.reshape(landmarks_px.shape) * self._unit_px


class HeadLedTracker(FaceTracker):
    """For a network of the picture alone: the predicted head leads to the next frame, and is checked now and then."""

    runs_ahead = False

    def __init__(self, detector: FaceDetector, follower: Follower, config: TrackConfig) -> None:
        super().__init__(detector, follower, config)
        self._presence, self._unchecked, self._usual = 0.0, 0, math.nan

    def confirm(self, image: np.ndarray, place: FaceRegion, landmarks_px: np.ndarray, log_std: float) -> bool:
        """By MediaPipe's presence where there is doubt, or none was had for long."""
        if not np.isfinite(landmarks_px).all():
            return False
        if place.landmarks_px is None:
            self._unchecked += 1
            unsure = log_std > self._usual + self._config.uncertainty or not self._goes_on(
                landmarks_px, image.shape[:2]
            )
            if unsure or self._unchecked >= self._config.check_every:
                face = self._asked(image, landmarks_px)
                if face is None:
                    return False
                self._presence, self._unchecked = face.presence, 0
        else:
            self._presence, self._unchecked, self._usual = place.presence, 0, math.nan
        self._usual = log_std if math.isnan(self._usual) else self._usual + _HABIT * (log_std - self._usual)
        self._remember(landmarks_px)
        return True

    def again(self, image: np.ndarray, time_s: float) -> FaceRegion | None:
        """Anywhere, if it was only taken to be here."""
        return self._search(image, time_s)

    def _follow(self, image: np.ndarray, around_px: np.ndarray) -> FaceRegion | None:
        return FaceRegion(around_px, None, self._presence, True)


def _box(landmarks_px: np.ndarray) -> np.ndarray:
    """(4,) x0 y0 x1 y1 around the landmarks."""
    face = landmarks_px[:_N_FACE]
    return np.concatenate([face.min(0), face.max(0)])
