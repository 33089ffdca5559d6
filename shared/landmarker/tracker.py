"""A face followed from frame to frame: where it was says where to look, so that no detector is needed."""

from __future__ import annotations

import numpy as np

from shared.images.faces import DetectedFace
from shared.landmarker.blaze_face import BlazeFace
from shared.landmarker.candidates import Candidate, look, whole
from shared.landmarker.guard import Guarded
from shared.landmarker.reader import FaceReader, upright_square
from shared.landmarker.search import is_sure
from shared.landmarker.sessions import Where


class LandmarkTracker(Guarded):
    """The landmark network on one face of a stream, one pass a frame.

    Make one a process, after any fork. Use as a context manager or call `close`.
    """

    def __init__(self, threads: int = 1, where: Where = "auto") -> None:
        """Load the networks; ``threads`` for each, ``where`` "auto" or "cpu"."""
        super().__init__()
        self._reader, self._detector = FaceReader(threads, where), BlazeFace("full", threads, where)

    def _free(self) -> None:
        del self._reader, self._detector

    def track(self, image: np.ndarray, around_px: np.ndarray) -> DetectedFace | None:
        """The face of a picture (H, W, 3) uint8 RGB that is about where landmarks (478, 2) are.

        They are those of the frame before, of whoever found them. None where there is no face, or only another one.
        ``score`` is 1: no detector was asked.
        """
        with self._my_turn():
            return self._reader.read(image, [Candidate(upright_square(around_px), 1.0)], "one_pass")[0]

    def glance(self, image: np.ndarray) -> list[DetectedFace]:
        """Faces that one look at the whole picture is sure of; a few milliseconds. For more there is a detector."""
        with self._my_turn():
            (found,) = look(self._detector, image, [whole(image)])
            faces = self._reader.read(image, [one for one in found if is_sure(one)], "two_pass")
        return [face for face in faces if face is not None]
