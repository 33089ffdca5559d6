"""Brows drawn hair by hair onto the face's window.

The hairs follow real brows: upright at the nose, then those of the lower rows lean up and out, those of the upper rows
lie down, and both meet along the tail.
"""

from __future__ import annotations

import cv2
import numpy as np

from shared.flame.landmarks import RIGHT_BROW
from shared.synthetic.face.look import BrowLook
from shared.synthetic.face.pen import Pen, Side, smooth_curve

_LAYERS = 5  # drawn one over the other, so that crossing hairs add up
_HAIRS = 67  # of a dense brow, in each layer
_HAIR_OPACITY = 0.5
_AVERAGE_MM = 1.0  # over which the hairs' cover is averaged for the label
_UPPER, _LOWER = RIGHT_BROW[:5][::-1], RIGHT_BROW[5:]  # from the nose to the temple


def draw_brows(pen: Pen, look: BrowLook) -> tuple[np.ndarray, np.ndarray]:
    """Opacity of the hairs (h, w) uint8, and where they cover more than half on average (h, w) bool."""
    open_share = np.ones(pen.window.size, np.float32)
    rng = np.random.default_rng(look.strands)
    boxes = []
    for side in pen.sides:
        upper, lower = _edges(pen, look, side)
        box = _box(pen, np.concatenate([upper, lower]))
        rows, columns = box
        view = open_share[rows, columns]
        view *= 1 - _hairs(pen, look, rng, upper, lower, (columns.start, rows.start), view.shape)
        boxes.append(box)
    opacity, label = np.zeros(pen.window.size, np.uint8), np.zeros(pen.window.size, bool)
    reach = 2 * round(0.5 * _AVERAGE_MM * pen.texels_per_mm) + 1
    for box in boxes:
        opacity[box] = np.round(255 * (1 - open_share[box]))
        label[box] = cv2.blur(opacity[box], (reach, reach)) > 127
    return opacity, label


def _edges(pen: Pen, look: BrowLook, side: Side) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower edge (N, 2) from the nose to the temple, in texels."""
    upper = smooth_curve(pen.points[list(side(_UPPER))], 8)
    lower = smooth_curve(pen.points[list(side(_LOWER))], 8)
    middle, half = (upper + lower) / 2, (upper - lower) / 2
    t = np.linspace(0, 1, len(middle), dtype=np.float32)[:, None]
    centre = middle.mean(0)
    middle = np.concatenate([centre[:1] + (middle[:, :1] - centre[:1]) * look.length, middle[:, 1:]], 1)
    metres = look.arch_m * np.exp(-(((t - 0.65) / 0.22) ** 2)) + look.lift_m
    middle = middle - metres * np.array([[0.0, 1.0]]) * pen.window.texels_per_m
    taper = look.thickness * np.clip(1.15 - 0.9 * np.clip(t - 0.55, 0, 1), 0.3, 1)
    return (middle + half * taper).astype(np.float32), (middle - half * taper).astype(np.float32)


def _hairs(
    pen: Pen,
    look: BrowLook,
    rng: np.random.Generator,
    upper: np.ndarray,
    lower: np.ndarray,
    origin: tuple[int, int],
    size: tuple[int, ...],
) -> np.ndarray:
    """(h, w) opacity of one brow on a patch whose first texel is ``origin`` (x, y)."""
    shut = np.zeros(size, np.float32)
    n_hairs = max(int(_HAIRS * look.density), 4)
    for _ in range(_LAYERS):
        curves = _strokes(pen, look, rng, upper, lower, n_hairs) - np.array(origin)
        image = np.zeros(size, np.uint8)
        cv2.polylines(image, list(np.round((curves - 0.5) * 16).astype(np.int32)), False, 255, 1, cv2.LINE_AA, 4)
        shut = 1 - (1 - shut) * (1 - _HAIR_OPACITY * image.astype(np.float32) / 255)
    # Hairs finer than the texels, which show as a tint.
    tint = np.zeros(size, np.uint8)
    loop = np.concatenate([upper, lower[::-1]]) - np.array(origin)
    cv2.fillPoly(tint, [np.round((loop - 0.5) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(tint.astype(np.float32) / 255, (0, 0), 1.3 * pen.texels_per_mm)
    return 1 - (1 - shut) * (1 - 0.42 * look.density * soft)


def _strokes(
    pen: Pen, look: BrowLook, rng: np.random.Generator, upper: np.ndarray, lower: np.ndarray, count: int
) -> np.ndarray:
    """(count, 4, 2) hairs in texels, from root to tip."""
    t = np.clip(rng.beta(0.9, 1.15, count), 0, 1)
    row = rng.uniform(0.0, 0.85, count)  # 0 the lower edge
    place = t * (len(upper) - 1)
    low = np.minimum(place.astype(int), len(upper) - 2)
    share = (place - low)[:, None]
    top = upper[low] * (1 - share) + upper[low + 1] * share
    bottom = lower[low] * (1 - share) + lower[low + 1] * share
    along = (upper[low + 1] + lower[low + 1] - upper[low] - lower[low]) / 2
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    up = np.stack([along[:, 1], -along[:, 0]], 1)
    up = up * np.sign(-up[:, 1:])
    # Angle to the line of the brow, towards the temple.
    nose = np.clip(1 - t / 0.28, 0, 1)
    angle = 0.62 - 1.0 * row + nose * (0.65 + 0.35 * row) - 0.15 * t + rng.normal(0, look.disorder, count)
    length = (3.8 + 3.0 * np.sin(np.pi * np.clip(t * 1.1, 0, 1)) + rng.normal(0, 0.7, count)) * pen.texels_per_mm
    bend = -0.35 * np.sign(angle) * np.abs(angle) ** 0.8
    steps = np.linspace(0, 1, 4)
    root = bottom + (top - bottom) * row[:, None]
    curve = [root]
    for step in steps[1:]:
        turned = (angle + bend * step)[:, None]
        curve.append(curve[-1] + (length / 3)[:, None] * (np.cos(turned) * along + np.sin(turned) * up))
    return np.stack(curve, 1)


def _box(pen: Pen, points: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns around texels (N, 2), with room for hairs that stand out."""
    margin = 7 * pen.texels_per_mm
    height, width = pen.window.size
    left, top = np.maximum(points.min(0) - margin, 0).astype(int)
    right, bottom = np.minimum(points.max(0) + margin, (width, height)).astype(int)
    return slice(int(top), int(bottom)), slice(int(left), int(right))
