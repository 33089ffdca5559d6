"""How far a head's landmarks are from MediaPipe's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.flame.landmarks import FACE_OVAL, OUTER_EYE_CORNERS


class LandmarkError:
    """Mean distance of the points off the face oval, share of the distance of the outer eye corners."""

    def __init__(self, known: Sequence[int]) -> None:
        """``known``: which of MediaPipe's points the head has."""
        self._inner = np.setdiff1d(np.asarray(known), FACE_OVAL)

    def __call__(self, landmarks_px: np.ndarray, seen_px: np.ndarray) -> float:
        """Of a head's (478, 2), against MediaPipe's (478, 2)."""
        right, left = seen_px[list(OUTER_EYE_CORNERS)]
        off = landmarks_px[self._inner] - seen_px[self._inner]
        return float(np.hypot(*off.T).mean() / max(np.hypot(*(right - left)), 1e-6))
