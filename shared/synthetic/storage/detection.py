"""What the landmarker finds on a portrait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Detection:
    """The largest face of a picture, on the CPU."""

    landmarks_px: Tensor  # (478, 2)
    blendshapes: Tensor  # (52,) in the order of `shared.landmarker.blendshapes.BLENDSHAPE_NAMES`


Detect = Callable[[Any], Detection | None]  # of a picture (H, W, 3) uint8 RGB


def landmark_detector() -> Detect:
    """A landmarker of its own; it loads its networks now."""
    from shared.landmarker.search import FaceLandmarker  # takes seconds to import

    detector = FaceLandmarker()

    def detect(image: np.ndarray) -> Detection | None:
        faces = detector.detect(np.ascontiguousarray(image))
        if not faces:
            return None
        return Detection(torch.as_tensor(faces[0].landmarks_px).float(), torch.as_tensor(faces[0].blendshapes).float())

    return detect
