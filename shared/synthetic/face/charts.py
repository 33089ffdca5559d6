"""Where on the face things are: soft masks over the face's window, drawn once per head from its landmarks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from shared.flame.landmarks import INNER_LIPS, OUTER_LIPS, RIGHT_BROW, RIGHT_LIDS
from shared.synthetic.face.pen import Pen, Side, smooth_curve
from shared.synthetic.face.window import FaceWindow
from shared.synthetic.face.wrinkles import draw_folds, lip_lines

# Channels of a chart. Slopes are coded as 0.5 + slope / 2, everything else is a share in [0, 1].
CHANNELS = (
    "lips", "mouth_line", "lower_lip", "cheeks", "nose", "shine", "sockets", "under_eye", "shadow", "liner", "beard",
    "folds", "fold_x", "fold_y", "lip_x", "freckles",
)  # fmt: skip
SLOPES = ("fold_x", "fold_y", "lip_x")
# Right side (the subject's); the left is its mirror image.
_UPPER_LID, _LOWER_LID = RIGHT_LIDS[:9], (*RIGHT_LIDS[8:], RIGHT_LIDS[0])
_ABOVE_EYE = (*RIGHT_LIDS[:9][::-1], 113, 225, 224, 223, 222, 221, 189)
_BELOW_EYE = (*_LOWER_LID, 31, 228, 229, 230, 231, 232, 233)
_SOCKET = (46, 53, 52, 65, 55, 193, 245, 128, 121, 120, 119, 118, 117, 111, 143, 35)
_BEARD = (132, 58, 172, 136, 150, 149, 176, 148, 152, 2, 98, 203, 206, 216, 207, 187, 147)
_SIDEBURN = (127, 234, 93, 132, 147, 137, 227)


def draw_charts(window: FaceWindow) -> Tensor:
    """(h * w, 16) uint8, rows as `FaceWindow.texel` numbers them, columns as ``CHANNELS``."""
    pen = Pen(window)
    layers = {**_mouth(pen), **_eyes(pen), **_zones(pen)}
    lips = layers["lips"]
    for name in ("beard", "freckles", "folds"):
        layers[name] = layers[name] * (1 - lips)
    edge = pen.edge()
    out = np.empty((*window.size, len(CHANNELS)), np.uint8)
    for channel, name in enumerate(CHANNELS):
        rest = 0.5 if name in SLOPES else 0.0
        out[..., channel] = np.round(255 * np.clip(rest + layers[name] * edge, 0, 1))
    return torch.from_numpy(out.reshape(-1, len(CHANNELS)))


def _mouth(pen: Pen) -> dict[str, np.ndarray]:
    outer = pen.points[list(OUTER_LIPS)]
    lips = pen.polygon(_rounded(outer), 0.8)
    upper_rim, lower_rim = INNER_LIPS[:11], (*INNER_LIPS[10:], INNER_LIPS[0])
    seam = pen.line(upper_rim, 0.7, 0.4) + pen.line(lower_rim, 0.7, 0.4) + pen.area(INNER_LIPS, 0.3)
    lower = pen.area((*OUTER_LIPS[10:], OUTER_LIPS[0], *upper_rim), 0.8)
    return {
        "lips": np.clip(lips, 0, 1),
        "mouth_line": np.clip(seam, 0, 1),
        "lower_lip": lower * lips,
        "lip_x": 0.5 * lip_lines(pen) * lips,
    }


def _eyes(pen: Pen) -> dict[str, np.ndarray]:
    def liner(side: Side) -> np.ndarray:
        return pen.line(side(_UPPER_LID), 1.5, 0.35) + 0.5 * pen.line(side(_LOWER_LID), 0.8, 0.4)

    def rim(side: Side) -> np.ndarray:
        return pen.line(side((*RIGHT_LIDS, RIGHT_LIDS[0])), 1.6, 0.7)

    brows = pen.both(lambda side: pen.area(side(RIGHT_BROW), 2.0))
    sockets = pen.both(lambda side: pen.area(side(_SOCKET), 4.0)) * (1 - 0.6 * brows)
    return {
        "sockets": 0.7 * sockets + 0.6 * pen.both(rim),
        "under_eye": pen.both(lambda side: pen.area(side(_BELOW_EYE), 2.2)),
        "shadow": pen.both(lambda side: pen.area(side(_ABOVE_EYE), 1.8)),
        "liner": pen.both(liner),
    }


def _zones(pen: Pen) -> dict[str, np.ndarray]:
    wings = pen.both(lambda side: pen.spot(side((64, 48)), 4.5))
    nose = pen.spot((4, 1), 9) + 0.7 * wings
    shine = 0.9 * pen.spot((4, 5, 195), 8) + 0.8 * pen.spot((151, 9), 24) + 0.4 * pen.spot((199,), 9)
    high_cheeks = pen.both(lambda side: pen.spot(side((117, 50)), 13))
    cheeks = pen.both(lambda side: np.maximum(pen.spot(side((50, 205, 187)), 15), 0.5 * pen.spot(side((123,)), 15)))
    # Joined before they are blurred: no gap where they meet.
    beard = pen.both(lambda side: np.maximum(pen.area(side(_BEARD), 0), 0.8 * pen.area(side(_SIDEBURN), 0)))
    beard = np.maximum(beard, 0.7 * pen.both(lambda side: _under_jaw(pen, side)))
    folds = draw_folds(pen)
    freckles = pen.spot((6, 197), 18) + 0.9 * pen.both(lambda side: pen.spot(side((50, 117)), 19))
    return {
        "nose": nose,
        "shine": shine + 0.35 * high_cheeks,
        "cheeks": cheeks,
        "beard": pen.soft(beard, 6.0),
        "folds": folds.darkness,
        "fold_x": 0.5 * folds.slope_x,
        "fold_y": 0.5 * folds.slope_y,
        "freckles": np.maximum(freckles, 0.25),
    }


def _under_jaw(pen: Pen, side: Side) -> np.ndarray:
    """The strip under the jaw line down to the throat."""
    jaw = pen.points[list(side(_BEARD[1:9]))]
    below = jaw[::-1] + np.array([0.0, 22.0]) * pen.texels_per_mm
    return pen.polygon(np.concatenate([jaw, below]).astype(np.float32), 0)


def _rounded(loop: np.ndarray) -> np.ndarray:
    """A closed polygon (N, 2) as a smooth curve."""
    return smooth_curve(np.concatenate([loop, loop[:1]]), 4)
