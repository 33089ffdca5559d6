"""Which of a frame's faces is the one that the clip has followed so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.images.faces import DetectedFace, select
from shared.landmarker.boxes import iou

_OVERLAP = 0.15  # intersection over union with the face's box before, at least: a face that walks keeps far more


class FaceFollower:
    """Follows one face through a clip: first the largest, then the one that overlaps most with where it was.

    A face that is nowhere near is lost for ``memory_s``, however large other faces are; then, or in a new shot, the
    largest is taken up.
    """

    def __init__(self, memory_s: float) -> None:
        self._memory_s = memory_s
        self._box: np.ndarray | None = None
        self._last_s = 0.0
        self.switched_s: list[float] = []  # when another face than before was taken up within a shot

    def __call__(self, faces: Sequence[DetectedFace], time_s: float, starts_shot: bool) -> DetectedFace | None:
        """The face of the next frame among those detected there; None if it is lost."""
        if starts_shot:
            self._box = None
        chosen = next(iter(select(faces, "largest")), None)
        if self._box is not None and chosen is not None:
            box = self._box
            nearest = max(faces, key=lambda face: iou(face.box_px, box))
            if iou(nearest.box_px, box) > _OVERLAP:
                chosen = nearest
            elif time_s - self._last_s <= self._memory_s:
                return None
            else:
                self.switched_s.append(time_s)
        if chosen is not None:
            self._box, self._last_s = chosen.box_px, time_s
        return chosen
