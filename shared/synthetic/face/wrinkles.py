"""Folds of the skin as a relief: forehead, brows, crow's feet, under the eyes, nose to mouth, mouth corners."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shared.synthetic.face.pen import Pen, smooth_curve

STEEPEST = 1.0  # slope at which the chart's coding ends
_NASOLABIAL = (129, 203, 206, 216, 212)
_MARIONETTE = (61, 202, 204)
_BAG = (245, 233, 232, 231, 230, 229, 228)
_LID_CREASE = (190, 56, 28, 27, 29, 30, 247)


@dataclass(frozen=True, eq=False)
class Folds:
    """Relief of the deepest wrinkles (`SkinLook.wrinkles` = 1)."""

    darkness: np.ndarray  # (h, w) 0 to 1
    slope_x: np.ndarray  # (h, w) of the surface's height along +u, in [-1, 1]
    slope_y: np.ndarray


def draw_folds(pen: Pen) -> Folds:
    """All folds of a head."""
    depth_mm = np.zeros(pen.window.size, np.float32)
    for points, width_mm, deep_mm in _lines(pen):
        depth_mm += deep_mm * _groove(pen, points, width_mm)
    height = -depth_mm * pen.texels_per_mm  # in texels, so that differences are slopes
    slope_x = 0.5 * (np.roll(height, -1, 1) - np.roll(height, 1, 1))
    slope_y = 0.5 * (np.roll(height, -1, 0) - np.roll(height, 1, 0))
    return Folds(np.clip(depth_mm / 0.5, 0, 1), np.clip(slope_x / STEEPEST, -1, 1), np.clip(slope_y / STEEPEST, -1, 1))


def lip_lines(pen: Pen) -> np.ndarray:
    """(h, w) slope along +u of the fine upright creases of the lips, in [-1, 1]."""
    rng = np.random.default_rng(203)
    height, width = pen.window.size
    noise = rng.standard_normal((max(height // 24, 2), width)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.32 * pen.texels_per_mm, sigmaY=0.8)
    relief = cv2.resize(noise / noise.std(), (width, height), interpolation=cv2.INTER_CUBIC)
    slope = 0.5 * (np.roll(relief, -1, 1) - np.roll(relief, 1, 1))
    return np.clip(0.3 * slope / slope.std(), -1, 1)


def _lines(pen: Pen) -> list[tuple[np.ndarray, float, float]]:
    """Polylines in texels, with the width and depth of each in millimetres."""
    rng = np.random.default_rng(202)
    mm, points = pen.texels_per_mm, pen.points
    lines: list[tuple[np.ndarray, float, float]] = []
    brow, top = points[9], points[10]  # between the brows; the highest landmark of the forehead
    half = 0.42 * np.linalg.norm(points[103] - points[332])
    for share in (0.28, 0.52, 0.74, 0.97):
        x = np.linspace(-1, 1, 13)
        centre = brow + (top - brow) * share
        wave = 1.6 * mm * np.cos(2.4 * np.pi * x / 2) + mm * rng.normal(0, 0.5, 13)
        line = np.stack([centre[0] + half * rng.uniform(0.8, 1.0) * x, centre[1] + wave], 1)
        lines.append((line.astype(np.float32), 1.3, rng.uniform(0.28, 0.45)))
    for side in pen.sides:
        for marks, width_mm, depth in (
            (_NASOLABIAL, 2.2, 0.75),
            (_MARIONETTE, 1.8, 0.4),
            (_BAG, 1.5, 0.32),
            (_LID_CREASE, 0.9, 0.30),
        ):
            lines.append((points[list(side(marks))], width_mm, depth))
        outer, beyond = points[list(side((33, 130)))].mean(0), points[list(side((143, 156, 111)))].mean(0)
        out = (beyond - outer) / max(float(np.linalg.norm(beyond - outer)), 1e-6)
        for angle in (-0.55, -0.2, 0.15, 0.5):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            reach = np.linspace(5, rng.uniform(13, 19), 5)[:, None] * mm
            sag = np.array([0, 1]) * 0.02 * (reach / mm) ** 2 * angle * mm
            lines.append(((outer + reach * (turn @ out) + sag).astype(np.float32), 0.9, rng.uniform(0.2, 0.35)))
        x, y = points[side((55,))[0]]
        frown = [(x, y - 6 * mm), (x + 0.8 * mm * np.sign(brow[0] - x), y + 4 * mm)]
        lines.append((np.array(frown, np.float32), 1.2, 0.3))
    return lines


def _groove(pen: Pen, points: np.ndarray, width_mm: float) -> np.ndarray:
    """A soft furrow of depth about 1 that runs out at both ends."""
    curve = smooth_curve(points, 4)
    image = np.zeros(pen.window.size, np.float32)
    along = np.linspace(0, 1, len(curve) - 1)
    # Real furrows come and go along their way.
    strength = np.sin(np.pi * (0.06 + 0.88 * along)) ** 0.7 * (0.75 + 0.25 * np.sin(17 * along + points[0, 1]))
    thickness = max(round(width_mm * pen.texels_per_mm), 1)
    for index, level in enumerate(strength):
        ends = [(round(float(x)), round(float(y))) for x, y in curve[index : index + 2]]
        cv2.line(image, ends[0], ends[1], float(level), thickness, cv2.LINE_8)
    return pen.soft(image, 0.45 * width_mm)
