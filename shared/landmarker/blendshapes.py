"""The 52 blendshape coefficients of a face, by ARKit's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# In this order everywhere. Left and right are the subject's. 0 is neutral, 1 the strongest expression.
# The first 51 come from the blendshape network, tongueOut from the landmark network. The blendshape network is blind
# for mouthFrown and browDown, weak for mouthPucker and raised brows, and good at smiles, the open jaw and blinks.
BLENDSHAPE_NAMES = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight",
    "tongueOut",
)  # fmt: skip
N_BLENDSHAPES = len(BLENDSHAPE_NAMES)
_OTHER_SIDE = {"Left": "Right", "Right": "Left"}
NEUTRAL = 0  # the network's first coefficient, which says nothing and is left out

# The landmarks from which the network computes them, in its order.
BLENDSHAPE_LANDMARKS = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251,
    263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318,
    321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
])  # fmt: skip


def blendshape_mirror(names: Sequence[str] = BLENDSHAPE_NAMES) -> list[int]:
    """The place of each unit's partner across the symmetry plane; a unit without one is its own."""

    def partner(name: str) -> str:
        side = next((side for side in _OTHER_SIDE if name.endswith(side)), None)
        other = name if side is None else name.removesuffix(side) + _OTHER_SIDE[side]
        return other if other in names else name

    return [names.index(partner(name)) for name in names]


def stack_blendshapes(faces: Sequence[Any]) -> np.ndarray | None:
    """(N, 52) float32 of faces with an attribute ``blendshapes``, (52,) or None; None unless all have them."""
    rows = [face.blendshapes for face in faces]
    return None if any(row is None for row in rows) else np.stack([np.asarray(row, np.float32) for row in rows])
