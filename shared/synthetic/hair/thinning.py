"""Covers of shells: streaks that end, each at its height, within an edge that frays."""

from __future__ import annotations

import cv2
import numpy as np

_ONE = 150  # an opacity of 1 in the 8 bits of `frayed`, which keeps more than 1


def as_bytes(values: np.ndarray) -> np.ndarray:
    """[0, 1] -> uint8."""
    return (values * 255 + 0.5).astype(np.uint8)


def frayed(inside: np.ndarray, softness: float, ragged: np.ndarray) -> np.ndarray:
    """(h, w) uint8 for `shell_cover`: opacity rising inwards over ``softness``, broken up by ``ragged`` (h, w)."""
    return cv2.addWeighted(inside, _ONE / softness, ragged, float(_ONE), 0, dtype=cv2.CV_8U)


def shell_cover(edge: np.ndarray, streaks: np.ndarray, cut: float, withdrawn: float) -> np.ndarray:
    """(h, w) uint8 opacity: of the streaks (uint8) what reaches above ``cut`` (0 to 1), the edge drawn in."""
    table = ((np.arange(256) / 255 - cut) * 4 * 255).clip(0, 255).astype(np.uint8)
    border = cv2.addWeighted(edge, 255 / _ONE, edge, 0.0, -255.0 * withdrawn)
    return cv2.min(cv2.LUT(streaks, table), border)
