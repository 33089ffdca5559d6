"""Inputs of the parity tests: cut from the test photo without any resampling, so that they are the same everywhere."""

from __future__ import annotations

import numpy as np
from skimage.data import astronaut


def cut(side: int) -> np.ndarray:
    """(2, side, side, 3) uint8 RGB: the photo's face, and its lower left corner. Sides: 128, 192, 256."""
    photo = astronaut()
    if side == 256:  # the face as large as the landmark network wants it
        return np.stack([photo[56:184, 160:288], photo[300:428, 40:168]]).repeat(2, axis=1).repeat(2, axis=2)
    return np.stack([photo[30 : 30 + side, 130 : 130 + side], photo[300 : 300 + side, 40 : 40 + side]])
