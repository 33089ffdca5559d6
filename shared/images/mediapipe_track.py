"""A face followed from frame to frame: where it was says where to look, so that no detector is needed."""

from __future__ import annotations

import os
import threading

import numpy as np

from shared.images.faces import DetectedFace
from shared.images.mediapipe_faces import DETECTOR_SCORE, Candidate, look, mark, upright_square
from shared.images.mediapipe_graphs import MESH_SIZE, DetectorGraph, MeshGraph, quiet_stderr
from shared.images.rotated_square import RotatedSquare

_PASSES = 2  # of the landmark network on a face that was just found, as in `MediaPipeFaces`


class LandmarkTracker:
    """MediaPipe's landmark network on one face of a stream, one pass a frame: 4 ms on a CPU core.

    Make one a process, after any fork. Use as a context manager or call `close`.
    """

    def __init__(self, threads: int = 1) -> None:
        """Load the networks; ``threads`` for each."""
        self._turn = threading.Lock()
        self._process: int | None = os.getpid()
        with quiet_stderr():
            self._mesh, self._detector = MeshGraph(threads), DetectorGraph(True, DETECTOR_SCORE, threads)
            # The networks log once more with their first picture.
            self._mesh(np.zeros((MESH_SIZE, MESH_SIZE, 3), np.uint8))
            self._detector(np.zeros((self._detector.size, self._detector.size, 3), np.uint8))

    def __enter__(self) -> LandmarkTracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the networks; closing twice does nothing."""
        if self._process == os.getpid():
            self._process = None
            self._mesh.close()
            self._detector.close()

    def track(self, image: np.ndarray, around_px: np.ndarray) -> DetectedFace | None:
        """The face of a picture (H, W, 3) uint8 RGB that is about where landmarks (478, 2) are.

        They are those of the frame before, of whoever found them. None where there is no face, or only another one.
        ``score`` is 1: no detector was asked.
        """
        with self._turn:
            return mark(self._mesh, image, Candidate(upright_square(around_px), 1.0), 1)

    def glance(self, image: np.ndarray) -> list[DetectedFace]:
        """Faces that one look at the whole picture is sure of; a few milliseconds. For more there is a detector."""
        height, width = image.shape[:2]
        window = RotatedSquare((width / 2, height / 2), float(max(height, width)))
        with self._turn:
            found = [one for one in look(self._detector, image, window) if one.sure]
            marked = [mark(self._mesh, image, one, _PASSES) for one in found]
        return [face for face in marked if face is not None]
