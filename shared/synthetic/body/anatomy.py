"""The trunk as a solid: a signed distance made of rounded bones and muscles, and rays that find its surface.

Frame of the trunk (`shared.synthetic.body.trunk`), metres; the left half is drawn and mirrored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Build:
    """One person's trunk."""

    shoulder_m: float  # from the middle to the tip of the shoulder blade; the arm adds about 5 cm
    slope_m: float  # how far that tip lies below the root of the neck
    depth: float  # of the chest, 1 the mean
    muscle: float  # 0 slight to 1 strong: trapezius and shoulders
    bust: float  # 0 flat to 1


MEAN_BUILD = Build(shoulder_m=0.155, slope_m=0.07, depth=1.0, muscle=0.5, bust=0.3)

# Rays that start inside the trunk. Each row of the surface: share of the way, then y of the origin, elevation (degrees)
# at the front, the side and the back, then the origin's distance from the middle as a share of the shoulder's.
_ROWS = np.array(
    [
        # share  front y, elev    side y, elev    back y, elev    outwards
        (0.00, -0.060, -5.0, -0.070, 38.0, -0.020, 10.0, 0.12),
        (0.10, -0.080, 0.0, -0.085, 45.0, -0.045, 12.0, 0.30),
        (0.25, -0.105, 5.0, -0.100, 58.0, -0.080, 12.0, 0.60),
        (0.40, -0.140, 6.0, -0.110, 52.0, -0.115, 8.0, 0.90),
        (0.50, -0.170, 5.0, -0.115, 25.0, -0.150, 5.0, 1.02),
        (0.60, -0.210, 3.0, -0.140, 5.0, -0.200, 0.0, 1.06),
        (0.75, -0.280, 0.0, -0.230, 0.0, -0.270, 0.0, 1.08),
        (1.00, -0.420, 0.0, -0.400, 0.0, -0.420, 0.0, 1.12),
    ]
)


@dataclass(frozen=True, eq=False)
class TrunkRays:
    """Rows from the root of the neck to the lower chest, columns around; starting inside, leading out."""

    origin: Tensor  # (U, M, 3) for the mean build; x grows with the shoulders
    azimuth: Tensor  # (M,)
    elevation: Tensor  # (U, M)
    reach_m: Tensor  # (U, M) distance to the surface of the mean build

    @staticmethod
    def of(columns: int, shares: np.ndarray) -> TrunkRays:
        """``shares`` (U,) in [0, 1]: rows from the root of the neck down."""
        azimuth = 2 * math.pi * np.arange(columns) / columns
        table = np.stack([np.interp(shares, _ROWS[:, 0], _ROWS[:, i]) for i in range(1, 8)], 1)
        front, back = np.cos(azimuth).clip(0) ** 2, (-np.cos(azimuth)).clip(0) ** 2
        side = 1 - front - back
        y, elevation = (
            table[:, i, None] * front + table[:, i + 2, None] * side + table[:, i + 4, None] * back for i in (0, 1)
        )
        outwards = table[:, 6, None] * MEAN_BUILD.shoulder_m
        x = outwards * np.sin(azimuth)
        z = np.broadcast_to(0.015 * np.cos(azimuth) - 0.01, x.shape)
        rays = TrunkRays(
            torch.tensor(np.stack([x, y, z], -1), dtype=torch.float32),
            torch.tensor(azimuth, dtype=torch.float32),
            torch.tensor(np.radians(elevation), dtype=torch.float32),
            torch.zeros(x.shape),
        )
        return TrunkRays(rays.origin, rays.azimuth, rays.elevation, rays._march(MEAN_BUILD, 60))

    def surface(self, build: Build, steps: int = 2) -> Tensor:
        """(U, M, 3) places on the surface of ``build``; after two steps within 5 mm, and as smooth."""
        origin, direction = self._rays(build)
        return origin + self._march(build, steps)[..., None] * direction

    def _rays(self, build: Build) -> tuple[Tensor, Tensor]:
        width = self.origin.new_tensor([build.shoulder_m / MEAN_BUILD.shoulder_m, 1.0, 1.0])
        flat = self.elevation.cos()
        direction = [self.azimuth.sin() * flat, self.elevation.sin(), self.azimuth.cos() * flat]
        return self.origin * width, torch.stack(direction, -1)

    def _march(self, build: Build, steps: int) -> Tensor:
        origin, direction = self._rays(build)
        reach = self.reach_m
        for _ in range(steps):
            reach = (reach - trunk_distance(origin + reach[..., None] * direction, build)).clamp(0, 0.3)
        return reach


def trunk_distance(points: Tensor, build: Build) -> Tensor:
    """(..., 3) -> (...) metres, about: negative inside."""
    p = torch.cat([points[..., :1].abs(), points[..., 1:]], -1)
    tip_x, tip_y, strong, depth = build.shoulder_m, -build.slope_m, build.muscle, build.depth
    arm = 0.043 + 0.010 * strong
    spine, yoke, shoulder, collar_bone = _rods(
        p,
        [
            # from, to, radius there
            ((0.0, 0.05, 0.0), (0.0, -0.12, -0.018), 0.047, 0.052),
            ((0.025, -0.012, -0.02), (tip_x - 0.01, tip_y - 0.036, -0.02), 0.034 + 0.012 * strong, 0.036),
            ((tip_x, tip_y - 0.05, -0.012), (tip_x + 0.03, -0.42, -0.005), arm + 0.006, arm - 0.003),
            ((0.014, -0.066, 0.034), (0.9 * tip_x, tip_y - 0.012, 0.014), 0.010, 0.009),
        ],
    )
    chest, blade, breast = _ellipsoids(
        p,
        [
            # centre, radii
            ((0.0, -0.30, 0.006), (0.72 * tip_x + 0.045, 0.25, 0.112 * depth)),
            ((0.075, -0.20, -0.055 * depth), (0.075, 0.12, 0.047)),
            ((0.075, -0.275, 0.075 * depth), (0.07, 0.075, 0.045 + 0.035 * build.bust)),
        ],
    )
    total = chest
    for part, blend_m in ((spine, 0.035), (blade, 0.05), (yoke, 0.045), (shoulder, 0.035), (breast, 0.04)):
        total = _smooth_union(total, part, blend_m)
    return _smooth_union(total, collar_bone, 0.016)


_Point = tuple[float, float, float]


def _rods(p: Tensor, rods: list[tuple[_Point, _Point, float, float]]) -> tuple[Tensor, ...]:
    """Distances (...) to rods with round ends whose radius changes evenly."""
    table = p.new_tensor([(*start, *end, r, r_end) for start, end, r, r_end in rods])
    start, axis = table[:, :3], table[:, 3:6] - table[:, :3]
    offset = p[..., None, :] - start  # (..., rods, 3)
    share = ((offset * axis).sum(-1) / (axis * axis).sum(-1)).clamp_(0, 1)
    away = (offset - share[..., None] * axis).square().sum(-1).sqrt()
    return (away - torch.lerp(table[:, 6], table[:, 7], share)).unbind(-1)


def _ellipsoids(p: Tensor, ellipsoids: list[tuple[_Point, _Point]]) -> tuple[Tensor, ...]:
    """About the distances (...) to ellipsoids; exact on their surfaces."""
    table = p.new_tensor([(*center, *radii) for center, radii in ellipsoids])
    scaled = (p[..., None, :] - table[:, :3]) / table[:, 3:]
    size = scaled.square().sum(-1).sqrt()
    slope = (scaled / table[:, 3:]).square().sum(-1).sqrt()
    return (size * (size - 1) / slope.clamp_min(1e-6)).unbind(-1)


def _smooth_union(a: Tensor, b: Tensor, blend_m: float) -> Tensor:
    overlap = (blend_m - (a - b).abs()).clamp_min(0)
    return torch.minimum(a, b) - overlap * overlap * (0.25 / blend_m)
