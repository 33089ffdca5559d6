"""Patches over a crop: what lies under them is no longer seen, whatever the portraits' own occluders look like."""

from __future__ import annotations

import cv2
import numpy as np

_MOST = 3  # patches on one crop
_SIDES = (0.08, 0.5)  # of the crop's side


def cover(image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Lay rectangles and ellipses over a crop.

    Args:
        image: (S, S, 3) uint8 RGB.

    Returns:
        A changed copy, and the mask (S, S) bool of what is covered.
    """
    image, covered = image.copy(), np.zeros(image.shape[:2], bool)
    for _ in range(int(rng.integers(1, _MOST + 1))):
        patch = _patch(image.shape[0], rng)
        image[patch] = _filling(image, rng)[patch]
        covered |= patch
    return image, covered


def _patch(size: int, rng: np.random.Generator) -> np.ndarray:
    """(S, S) bool."""
    centre, sides = rng.uniform(0.1, 0.9, 2) * size, rng.uniform(*_SIDES, 2) * size
    box = (tuple(centre.tolist()), tuple(sides.tolist()), float(rng.uniform(0, 180)))
    drawn = np.zeros((size, size), np.uint8)
    if rng.random() < 0.5:
        cv2.ellipse(drawn, box, 1, cv2.FILLED)
    else:
        cv2.fillConvexPoly(drawn, cv2.boxPoints(box).round().astype(np.int32), 1)
    return drawn.astype(bool)


def _filling(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(S, S, 3) uint8: a flat colour, noise of any grain, or another part of the picture."""
    kind, size = rng.integers(3), image.shape[0]
    colour = rng.integers(0, 256, 3)
    if kind == 0:
        return np.broadcast_to(colour.astype(np.uint8), image.shape)
    if kind == 1:
        cells = int(rng.integers(2, size // 2))
        grain = np.clip(colour + rng.normal(0, rng.uniform(10, 80), (cells, cells, 3)), 0, 255).astype(np.uint8)
        return cv2.resize(grain, (size, size), interpolation=cv2.INTER_LINEAR)
    shift = rng.integers(size // 4, 3 * size // 4, 2)
    return np.roll(image, tuple(shift.tolist()), (0, 1))
