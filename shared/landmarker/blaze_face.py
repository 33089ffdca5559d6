"""BlazeFace, Google's two fast face detectors: anchors on a grid, and what the network adds to them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from shared.landmarker.boxes import Detections
from shared.landmarker.sessions import Where, open_session
from shared.landmarker.sizes import FULL_RANGE_SIZE, SHORT_RANGE_SIZE

Range = Literal["short", "full"]

MIN_SCORE = 0.5  # below, nothing is reported
_GRIDS = {"full": [(48, 1)], "short": [(16, 2), (8, 6)]}  # cells across, anchors in each


class BlazeFace:
    """One of the two: ``short`` range for faces that fill much of the crop, ``full`` range for smaller ones too."""

    def __init__(self, reach: Range, threads: int = 1, where: Where = "auto") -> None:
        """Load it."""
        self.size = FULL_RANGE_SIZE if reach == "full" else SHORT_RANGE_SIZE
        self._session = open_session(f"face_detector_{reach}_range", threads, where)
        self._anchors = np.concatenate([np.repeat(_centers(cells), count, axis=0) for cells, count in _GRIDS[reach]])

    def __call__(self, crops: np.ndarray) -> list[Detections]:
        """Faces in each of the crops (N, size, size, 3) uint8 RGB."""
        boxes, logits = self._session.run(["boxes", "logits"], {"crops": crops})
        return [self._decode(*one) for one in zip(np.asarray(boxes), np.asarray(logits), strict=True)]

    def _decode(self, raw: np.ndarray, logits: np.ndarray) -> Detections:
        kept = np.flatnonzero(logits >= np.log(MIN_SCORE / (1 - MIN_SCORE)))
        values, anchors = raw[kept].astype(np.float64) / self.size, self._anchors[kept]
        centers, sizes = values[:, :2] + anchors, values[:, 2:4]
        eyes = values[:, 4:8].reshape(-1, 2, 2) + anchors[:, None]  # the subject's right, left
        scores = 1 / (1 + np.exp(-logits[kept].astype(np.float64).clip(-100, 100)))
        return Detections.merged(np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1), eyes, scores)


def _centers(cells: int) -> np.ndarray:
    """(cells^2, 2) float64: middles of a grid's cells in [0, 1] x [0, 1], row by row."""
    middles = (np.arange(cells) + 0.5) / cells
    return np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
