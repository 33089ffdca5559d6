"""Automatic exposure: cameras look for faces and expose for them, some more, some less."""

from __future__ import annotations

import numpy as np

from shared.flame.segmentation import Part
from shared.synthetic.scene.colour import LUMINANCE

_FACE_LEVEL = 0.24  # mean luminance of a face that a camera aims at
_STRENGTH = (0.2, 0.85)  # how much of the way it goes: full compensation would make all skin the same
_LIMITS = (0.5, 6.0)


def exposed_for_the_face(radiance: np.ndarray, part: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Radiance (H, W, 3) of a picture whose parts are (H, W), as the camera exposes it."""
    strength = rng.uniform(*_STRENGTH)
    face = radiance[part == int(Part.SKIN)]
    if len(face) < 20:
        return radiance
    level = float((face.clip(0, 1) @ LUMINANCE).mean())
    return radiance * np.float32(np.clip((_FACE_LEVEL / max(level, 1e-3)) ** strength, *_LIMITS))
