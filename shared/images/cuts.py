"""Cuts in a clip: frames that do not go on from the one before."""

from __future__ import annotations

import cv2
import numpy as np

_SIZE = (96, 54)  # width, height at which frames are compared
_CONTENT = 27.0  # mean change of hue, saturation and value, 0 to 255, from which a frame is another shot
_RATIO = 3.0  # and so many times that of the frames before, so that a shaken camera is no row of cuts
_MEMORY = 0.6  # of the usual change, a frame; a cut counts too, so that the frame after it can hardly be another


class CutFinder:
    """Given each frame in order, says whether it starts a new shot.

    The measure is that of PySceneDetect's adaptive detector: the mean absolute change in HSV, against that of the
    frames just before.
    """

    def __init__(self) -> None:
        self._before: np.ndarray | None = None
        self._usual = 0.0

    def __call__(self, image: np.ndarray) -> bool:
        """(H, W, 3) uint8 RGB. True for the first frame."""
        small = cv2.resize(image, _SIZE, interpolation=cv2.INTER_AREA)
        here = cv2.cvtColor(small, cv2.COLOR_RGB2HSV).astype(np.int16)
        before, self._before = self._before, here
        if before is None:
            return True
        change = np.abs(here - before)
        change[..., 0] = np.minimum(change[..., 0], 180 - change[..., 0])  # hue is an angle of 180 steps
        amount = float(change.mean())
        cut = amount > _CONTENT and amount > _RATIO * self._usual
        self._usual = _MEMORY * self._usual + (1 - _MEMORY) * amount
        return cut
