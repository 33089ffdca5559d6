"""Curves of hair that falls from a parting, of fringes, and of hair combed back to a tail or a bun; head frame."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.synthetic.hair.hairline import line_elevation
from shared.synthetic.hair.ribbons import smooth_noise
from shared.synthetic.hair.skull import Skull, compass
from shared.synthetic.hair.styles import Drape, Gather
from shared.synthetic.scene.smoothstep import smoothstep

COLUMNS = 84  # curves of a sheet
_OVER, _FALL = 10, 12  # points of a curve over the skull and below
_EDGE_DEG = -16.0  # elevation where hair leaves the skull: half-way down the ears
_CROWN_DEG = (180.0, 64.0)
_SHOULDERS_M = 0.162  # below the skull's centre


def drape_curves(skull: Skull, drape: Drape, side: float, lift_m: float, rng: np.random.Generator) -> Tensor:
    """(COLUMNS, T, 3) from the parting over the skull down; ``lift_m`` is the height above the skull at the sides."""
    s = np.linspace(-1, 1, COLUMNS)  # -1 and 1 the front strands of the subject's right and left, 0 the back
    away = np.abs(s)  # 1 in front
    parting = side * drape.parting_deg
    back = (1 - (away - 0.45).clip(0) / 0.55) ** 0.8  # 1 at the crown, 0 at the front end of the parting
    start = _bent(compass(parting, 41.0), compass(parting / 2, 66.0), compass(*_CROWN_DEG), back)
    azimuth = np.sign(s) * (180 - (180 - drape.front_deg) * away**0.9)
    azimuth[s == 0] = 180.0
    ahead = np.sin(np.radians(azimuth)) * (1 - 0.75 * back)
    middle = compass(azimuth * (0.62 + 0.3 * back) + 8 * ahead, 44 - 6 * back)
    target = compass(azimuth, _EDGE_DEG)
    t = np.linspace(0, 1, _OVER)[None, :, None]
    directions = (1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * middle[:, None] + t**2 * target[:, None]
    device = skull.centre_m.device
    over = unit(torch.from_numpy(directions.astype(np.float32)).to(device))
    rise = torch.linspace(0, 1, _OVER, device=device)
    height = 0.004 + lift_m * (0.25 + 0.75 * (2.2 * rise).clamp_max(1) ** 0.7) * (1 - 0.25 * rise)
    over_m = skull.centre_m + over * (skull.radius_m(over, hull=True) + height)[..., None]
    length = drape.below_ear_m * (1 + 0.04 * torch.from_numpy(smooth_noise(rng, COLUMNS, 30, 1))[:, 0].to(device))
    return torch.cat([over_m, _fall(over_m, length, drape.inward, skull)], 1)


def _fall(over_m: Tensor, length_m: Tensor, inward: float, skull: Skull) -> Tensor:
    """(S, _FALL, 3) the way down from the last points of (S, T, 3)."""
    start = over_m[:, -1]
    axis = skull.centre_m + skull.centre_m.new_tensor([0.0, 0.0, -0.005])
    flat = (start - axis) * start.new_tensor([1.0, 0.0, 1.0])
    radius = flat.norm(dim=1)
    t = torch.linspace(0, 1, _FALL + 1, device=start.device)[1:]
    way = t[None] * length_m[:, None]
    bulge = 0.006 * torch.sin((way / 0.05).clamp_max(3.14159))
    turn = -inward * 0.03 * (way / length_m[:, None]) ** 3
    hang = -0.010 * (way / 0.12).clamp_max(1)  # the neck is thinner than the head
    spread = (radius[:, None] + bulge + turn + hang) / radius[:, None]
    points = axis + flat[:, None] * spread[..., None]
    points = points * points.new_tensor([1.0, 0.0, 1.0])
    points[..., 1] = start[:, None, 1] - way
    return _off_trunk(points, skull)


def _off_trunk(points: Tensor, skull: Skull) -> Tensor:
    """Hair of the front lies before the shoulders and the chest, all other behind them."""
    x, y, z = (points - skull.centre_m).unbind(-1)
    below = ((-_SHOULDERS_M + 0.055 - 0.25 * (x.abs() - 0.06).clamp_min(0) - y) / 0.07).clamp(0, 1)
    below = smoothstep(below)
    chest = 0.03 + 0.35 * (-y - _SHOULDERS_M).clamp(0, 0.12)
    back = -0.135 - 0.10 * (-y - _SHOULDERS_M).clamp(0, 0.1)
    to_front = (z[:, :1] > -0.035).expand_as(z)
    z = torch.where(
        to_front, torch.lerp(z, torch.maximum(z, chest), below), torch.lerp(z, torch.minimum(z, back), below)
    )
    return torch.stack([x, y, z], -1) + skull.centre_m


def fringe_curves(skull: Skull, fringe: float, sweep: float, lift_m: float, rng: np.random.Generator) -> Tensor:
    """(44, 10, 3) hair over the forehead; ``fringe`` 1 reaches the brows, ``sweep`` turns it to a side, radians."""
    azimuth = np.linspace(-52, 52, 44)
    edge = 0.035 * smooth_noise(rng, 44, 20, 1)[:, 0]
    low = 36 - 26 * fringe * (1 - 0.12 * np.abs(azimuth / 52) ** 2) + np.degrees(edge)
    start = compass(azimuth * 0.75, 62.0)
    middle = compass(azimuth * 0.95 + 0.4 * np.degrees(sweep), 50.0)
    end = compass(azimuth * 1.0 + np.degrees(sweep), low)
    t = np.linspace(0, 1, 10)[None, :, None]
    path = (1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * middle[:, None] + t**2 * end[:, None]
    directions = unit(torch.from_numpy(path.astype(np.float32)).to(skull.centre_m.device))
    rise = torch.linspace(0, 1, 10, device=directions.device)
    height = 0.005 + lift_m * torch.sin(3.0 * rise.clamp_max(0.9)) + 0.003 * rise
    return skull.centre_m + directions * (skull.radius_m(directions) + height)[..., None]


def gather_point(gather: Gather) -> np.ndarray:
    """(3,) unit direction of the place where the hair is held."""
    return compass(180.0, gather.elevation_deg)


def gather_curves(skull: Skull, gather: Gather, lift_m: float) -> Tensor:
    """(COLUMNS + 1, 14, 3) from the hairline all round to the place where the hair is held."""
    azimuth = np.linspace(-180, 180, COLUMNS + 1)
    above_ears = 8 - 0.03 * (np.abs(azimuth) - 86) ** 2
    start = compass(azimuth, np.maximum(line_elevation(azimuth) + 1.0, above_ears))
    goal = gather_point(gather)
    middle = start + goal + 0.35 * compass(azimuth, 25.0) * (1 - np.abs(azimuth / 180))[:, None]
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    t = np.linspace(0, 1, 14)[None, :, None]
    path = (1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * middle[:, None] + t**2 * goal
    directions = unit(torch.from_numpy(path.astype(np.float32)).to(skull.centre_m.device))
    rise = torch.linspace(0, 1, 14, device=directions.device)
    height = 0.001 + (0.003 + lift_m) * torch.sin(3.0 * rise.clamp_max(0.8)) + 0.004 * rise
    return skull.centre_m + directions * (skull.radius_m(directions) + height)[..., None]


def tail_curves(skull: Skull, gather: Gather, count: int, rng: np.random.Generator) -> Tensor:
    """(count, 12, 3) a ponytail: away from the head, over and down."""
    goal = torch.from_numpy(gather_point(gather).astype(np.float32)).to(skull.centre_m.device)
    root = skull.centre_m + goal * (skull.radius_m(goal[None])[0] + 0.006)
    t = torch.linspace(0, 1, 12, device=goal.device)
    angle = torch.from_numpy(rng.uniform(0, 2 * np.pi, count).astype(np.float32)).to(goal.device)
    ring = torch.from_numpy(rng.uniform(0.2, 1, count).astype(np.float32) ** 0.5).to(goal.device)
    length = gather.tail_m * torch.from_numpy(rng.uniform(0.75, 1.05, count).astype(np.float32)).to(goal.device)
    out = 0.045 * torch.sin((4.0 * t).clamp_max(1.7)) + 0.01
    drop = length[:, None] * t**1.5
    spread = (0.010 + 0.022 * torch.sin((3.0 * t).clamp_max(2.4)))[None] * ring[:, None]
    offset = torch.stack(
        [
            spread * angle.cos()[:, None],
            out * goal[1] - drop + 0.4 * spread * angle.sin()[:, None],
            out * goal[2] + 0.6 * spread * angle.sin()[:, None],
        ],
        -1,
    )
    return skull.outside(root + offset, 0.005)


def bun_curves(skull: Skull, gather: Gather) -> Tensor:
    """(25, 12, 3) strands wound around a knot."""
    goal = gather_point(gather)
    device = skull.centre_m.device
    direction = torch.from_numpy(goal.astype(np.float32)).to(device)
    centre = skull.centre_m + direction * (skull.radius_m(direction[None])[0] + 0.55 * gather.bun_m)
    side = np.array([1.0, 0.0, 0.0])
    up = np.cross(goal, side)
    polar, turn = np.linspace(0, 1, 12), np.linspace(0, 2 * np.pi, 25)
    around = turn[:, None] + 2.2 * polar[None]
    tilt = np.pi * (0.02 + 0.96 * polar)[None]
    bulge = gather.bun_m * (1 + 0.06 * np.sin(5 * around))
    shape = (
        -np.cos(tilt)[..., None] * goal * 0.8
        + np.sin(tilt)[..., None] * (np.cos(around)[..., None] * side + np.sin(around)[..., None] * up)
    ) * bulge[..., None]
    return centre + torch.from_numpy(shape.astype(np.float32)).to(device)


def _bent(first: np.ndarray, middle: np.ndarray, last: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(N, 3) places on the quadratic curve through control directions at t (N,)."""
    t = t[:, None]
    return (1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * last
