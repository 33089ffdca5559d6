"""Draws soft shapes between a face's landmarks, on the grid of its window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch

from shared.flame.landmarks import mirror_partners
from shared.synthetic.face.window import FaceWindow

Side = Callable[[Sequence[int]], tuple[int, ...]]  # landmarks of the right half -> those of the side to draw
_SHRINK = 4  # wide blurs run on a coarser grid
_FRACTION_BITS = 4


class Pen:
    """All sizes are millimetres on the template; all results (h, w) float32."""

    def __init__(self, window: FaceWindow) -> None:
        self.window = window
        self.points = window.landmarks_px
        self.texels_per_mm = window.texels_per_m / 1000
        self._partner = mirror_partners(torch.from_numpy(window.landmarks_m)).tolist()

    @property
    def sides(self) -> tuple[Side, Side]:
        """The right half, as landmark lists are given, and the left."""
        return tuple, lambda marks: tuple(self._partner[mark] for mark in marks)

    def both(self, draw: Callable[[Side], np.ndarray]) -> np.ndarray:
        """The larger of what ``draw`` makes of the two sides."""
        right, left = (draw(side) for side in self.sides)
        return np.maximum(right, left)

    def soft(self, image: np.ndarray, blur_mm: float) -> np.ndarray:
        """Gaussian blur of standard deviation ``blur_mm``."""
        sigma = blur_mm * self.texels_per_mm
        if sigma < 2 * _SHRINK:
            return cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3))
        height, width = image.shape
        small = cv2.resize(image, (width // _SHRINK, height // _SHRINK), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma / _SHRINK)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)

    def area(self, marks: Sequence[int], blur_mm: float) -> np.ndarray:
        """The polygon through landmarks."""
        return self.polygon(self.points[list(marks)], blur_mm)

    def polygon(self, points_px: np.ndarray, blur_mm: float) -> np.ndarray:
        """The polygon through texels (N, 2)."""
        image = np.zeros(self.window.size, np.uint8)
        cv2.fillPoly(image, [_fixed(points_px)], 255, cv2.LINE_AA, _FRACTION_BITS)
        return self.soft(image.astype(np.float32) / 255, blur_mm)

    def line(self, marks: Sequence[int], width_mm: float, blur_mm: float) -> np.ndarray:
        """The smooth curve through landmarks."""
        return self.stroke(smooth_curve(self.points[list(marks)]), width_mm, blur_mm)

    def stroke(self, points_px: np.ndarray, width_mm: float, blur_mm: float) -> np.ndarray:
        """The line through texels (N, 2)."""
        image = np.zeros(self.window.size, np.uint8)
        width = max(round(width_mm * self.texels_per_mm), 1)
        cv2.polylines(image, [_fixed(points_px)], False, 255, width, cv2.LINE_AA, _FRACTION_BITS)
        return self.soft(image.astype(np.float32) / 255, blur_mm)

    def spot(self, marks: Sequence[int], radius_mm: float) -> np.ndarray:
        """A Gaussian of that standard deviation around the mean of landmarks, 1 at its peak."""
        x, y = self.points[list(marks)].mean(0)
        height, width = self.window.size
        scale = 2 * (radius_mm * self.texels_per_mm) ** 2
        columns = np.exp(-((np.arange(width, dtype=np.float32) - x) ** 2) / scale)
        rows = np.exp(-((np.arange(height, dtype=np.float32) - y) ** 2) / scale)
        return rows[:, None] * columns[None]

    def edge(self) -> np.ndarray:
        """1 inside, falling to 0 at the window's border."""
        height, width = self.window.size
        ramp = 8 * self.texels_per_mm

        def fade(count: int) -> np.ndarray:
            place = np.arange(count, dtype=np.float32)
            return np.clip(np.minimum(place, count - 1 - place) / ramp, 0, 1)

        return fade(height)[:, None] * fade(width)[None]


def smooth_curve(points: np.ndarray, steps: int = 6) -> np.ndarray:
    """(N, K) -> ((N - 1) * steps + 1, K) on a Catmull-Rom curve through the points."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    p0, p1, p2, p3 = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    curve = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    return np.concatenate([curve.swapaxes(0, 1).reshape(-1, points.shape[1]), points[-1:]]).astype(np.float32)


def _fixed(points_px: np.ndarray) -> np.ndarray:
    """Texels with the centre of the first at 0.5 -> OpenCV's fixed point with its centre at 0."""
    return np.round((points_px - 0.5) * 2**_FRACTION_BITS).astype(np.int32)
