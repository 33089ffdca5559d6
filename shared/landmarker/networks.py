"""The networks that predict landmarks and blendshapes from upright crops of faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.landmarker.blendshapes import BLENDSHAPE_LANDMARKS, NEUTRAL
from shared.landmarker.sessions import Where, open_session
from shared.landmarker.sizes import LANDMARK_SIZE


@dataclass(frozen=True, eq=False)
class CropLandmarks:
    """Output of the landmark network for N crops."""

    points: np.ndarray  # (N, 478, 3) float64, x y z in widths of the crop
    presence: np.ndarray  # (N,) float64, probability of a face, 0 to 1
    tongue: np.ndarray  # (N,) float64, 1: the tongue is out

    def where(self, kept: np.ndarray, other: CropLandmarks) -> CropLandmarks:
        """These where ``kept`` (N,) says so, the other ones elsewhere."""
        return CropLandmarks(
            np.where(kept[:, None, None], self.points, other.points),
            np.where(kept, self.presence, other.presence),
            np.where(kept, self.tongue, other.tongue),
        )


class LandmarkNetwork:
    """Google's face landmarks v2."""

    def __init__(self, threads: int = 1, where: Where = "auto") -> None:
        """Load it."""
        self._session = open_session("face_landmarks", threads, where)

    def __call__(self, crops: np.ndarray) -> CropLandmarks:
        """Landmarks in crops (N, 256, 256, 3) uint8 RGB."""
        points, presence, tongue = self._session.run(["points", "presence", "tongue"], {"crops": crops})
        return CropLandmarks(
            np.asarray(points, np.float64) / LANDMARK_SIZE,
            np.asarray(presence, np.float64),
            np.asarray(tongue, np.float64),
        )


class BlendshapeNetwork:
    """Google's blendshapes v2, computed from landmarks alone."""

    def __init__(self, threads: int = 1, where: Where = "auto") -> None:
        """Load it."""
        self._session = open_session("face_blendshapes", threads, where)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The first 51 of `BLENDSHAPE_NAMES`, (N, 51) float32, of upright faces.

        Args:
            points: (N, 478, 2 or 3) landmarks in any unit, x to the right and y down.
        """
        given = np.ascontiguousarray(points[:, BLENDSHAPE_LANDMARKS, :2], np.float32)
        (coefficients,) = self._session.run(["coefficients"], {"points": given})
        return np.delete(np.asarray(coefficients), NEUTRAL, axis=1)
