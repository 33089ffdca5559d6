"""The camera, and where in the picture the face is put."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.focal import focal_from_35mm

FOCAL_35MM = (18.0, 100.0)
FACE_HEIGHT_M = 0.20  # chin to hairline, of any head: sizes in the picture then say something of sizes in the world
NEAREST_M = 0.25
_OFF_CENTRE_SHARE, _OFF_CENTRE = 0.35, 0.15
_CUT_SHARE, _CUT = 0.04, (0.05, 0.3)
_MARGIN = 0.015
_WANDER = 0.07


@dataclass(frozen=True)
class Framing:
    """How the picture is composed. Offsets are shares of the picture's width and height, x to the right, y down."""

    focal_35mm: float
    center: tuple[float, float]  # the principal point's offset: not zero in a crop of a larger picture
    face_share: float  # height of a face seen straight on over that of the picture
    face: tuple[float, float]  # offset of the face's middle from the picture's
    cut: tuple[float, float]  # share of the face's width and height beyond the border, negative: left or top

    @staticmethod
    def draw(rng: np.random.Generator) -> Framing:
        """Focal lengths are log-uniform."""
        chance, share = rng.random(), rng.uniform(0.40, 0.62)
        if chance < 0.2:
            share = rng.uniform(0.30, 0.40) if chance < 0.12 else rng.uniform(0.62, 0.75)
        center, cut = (0.0, 0.0), (0.0, 0.0)
        if rng.random() < _OFF_CENTRE_SHARE:
            center = (rng.uniform(-_OFF_CENTRE, _OFF_CENTRE), rng.uniform(-_OFF_CENTRE, _OFF_CENTRE))
        if rng.random() < _CUT_SHARE:
            amount = rng.uniform(*_CUT) * rng.choice((-1, 1))
            cut = (amount, 0.0) if rng.random() < 0.5 else (0.0, amount)
        return Framing(
            focal_35mm=float(np.exp(rng.uniform(*np.log(FOCAL_35MM)))),
            center=center,
            face_share=share,
            face=(float(rng.normal(0, _WANDER)), float(rng.normal(0, _WANDER))),
            cut=cut,
        )

    def camera(self, size: tuple[int, int]) -> Camera:
        """The camera of a picture of (height, width), at the origin of the world."""
        height, width = size
        center = torch.tensor([width * (0.5 + self.center[0]), height * (0.5 + self.center[1])])
        return Camera.at_origin(torch.tensor(focal_from_35mm(self.focal_35mm, size)), size, center)

    def place(self, camera: Camera) -> np.ndarray:
        """(3,) a point of the world on the ray where the face's middle is put, before it is moved inside."""
        extent, center = np.array(camera.size[::-1], float), camera.center_px.numpy().astype(np.float64)
        x, y = (extent * (0.5 + np.array(self.face)) - center) / float(camera.focal_px[0])
        return np.array([x, -y, -1.0])

    def translation(self, points_m: Tensor, camera: Camera) -> Tensor:
        """(3,) that puts the face's points (L, 3), turned as in the world, where they belong in the picture.

        The face is put wholly inside unless it is to be cut; one that doesn't fit goes further away.
        """
        extent = np.array(camera.size[::-1], float)
        points = points_m.numpy().astype(np.float64)
        points = points - (points.min(0) + points.max(0)) / 2
        focal, center = float(camera.focal_px[0]), camera.center_px.numpy().astype(np.float64)
        depth = max(focal * FACE_HEIGHT_M / (self.face_share * extent[1]), NEAREST_M + points[:, 2].max())
        middle = extent * (0.5 + np.array(self.face))
        room, cut = extent * (1 - 2 * _MARGIN), np.array(self.cut)
        moved = np.zeros(3)
        # Perspective changes the outline where the face moves: a few rounds settle it to less than a pixel.
        for _ in range(4):
            moved = np.array([*(middle - center) * (1, -1) * depth / focal, -depth])
            low, high = _outline(points + moved, focal, center)
            depth *= max(1.0, float(((high - low) / room).max()))
            allowed_low, allowed_high = extent * _MARGIN, extent * (1 - _MARGIN)
            inside = np.maximum(allowed_low - low, 0) - np.maximum(high - allowed_high, 0)
            beyond = np.where(cut < 0, (high - low) * cut - low, extent + (high - low) * cut - high)
            middle = middle + np.where(cut == 0, inside, beyond)
        moved = np.array([*(middle - center) * (1, -1) * depth / focal, -depth])
        shift = moved + points[0] - points_m[0].numpy()
        return torch.tensor(shift, dtype=torch.float32)


def _outline(points_m: np.ndarray, focal_px: float, center_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners (2,) and (2,) of the box around points (L, 3) in the world of a camera at the origin."""
    pixels = points_m[:, :2] * (1, -1) / -points_m[:, 2:] * focal_px + center_px
    return pixels.min(0), pixels.max(0)
