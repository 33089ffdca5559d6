"""Curves to meshes: one sheet through neighbouring curves, or a ribbon along each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.synthetic.hair.textures import TUFTS
from shared.synthetic.scene.smoothstep import smoothstep

_V_LOW, _V_HIGH = 0.004, 0.996  # inside the texture, which repeats


@dataclass(frozen=True, eq=False)
class Strands:
    """A mesh of hair in the head frame. Rows of vertices belong together: see `sheet` and `ribbons`."""

    points_m: Tensor  # (V, 3)
    along: Tensor  # (V, 3) direction of the strands
    faces: Tensor  # (F, 3)
    uv: Tensor  # (F, 3, 2)
    occlusion: Tensor  # (V,)


def sheet(curves_m: Tensor, occlusion: Tensor, tile_m: float, first_u: float) -> Strands:
    """Neighbouring curves (S, T, 3) and the light that gets to them (S, T) -> a sheet; tiles are ``tile_m`` wide."""
    n, steps = curves_m.shape[:2]
    # Strands keep their width where the sheet is widest.
    spacing = (curves_m[1:] - curves_m[:-1]).norm(dim=-1).amax(1)
    u = torch.cat([spacing.new_zeros(1), spacing.cumsum(0)]) / tile_m + first_u
    uv = torch.stack(torch.broadcast_tensors(u[:, None], _rise(steps, u)), -1)
    faces = _grid(n, steps, curves_m.device)
    return Strands(curves_m.reshape(-1, 3), tangents(curves_m).reshape(-1, 3), faces, uv.reshape(-1, 2)[faces],
                   occlusion.reshape(-1))  # fmt: skip


def ribbons(curves_m: Tensor, across: Tensor, occlusion: Tensor) -> Strands:
    """A tuft along each curve (N, T, 3), as wide as twice the vectors ``across`` (N, T, 3); occlusion (N, T)."""
    n, steps = curves_m.shape[:2]
    points = torch.stack([curves_m - across, curves_m + across], 1)  # (N, 2, T, 3)
    faces = _grid(2, steps, curves_m.device) + 2 * steps * torch.arange(n, device=curves_m.device)[:, None, None]
    column = torch.arange(n, device=curves_m.device) % TUFTS
    u = (column[:, None] + column.new_tensor([0.03, 0.97], dtype=torch.float32)) / TUFTS
    uv = torch.stack(torch.broadcast_tensors(u[..., None], _rise(steps, u)), -1)
    faces = faces.reshape(-1, 3)
    along, light = (x[:, None].expand(-1, 2, *x.shape[1:]) for x in (tangents(curves_m), occlusion))
    return Strands(points.reshape(-1, 3), along.reshape(-1, 3), faces, uv.reshape(-1, 2)[faces], light.reshape(-1))


def joined(parts: list[Strands]) -> Strands:
    """One mesh of several of the same texture."""
    offsets = np.cumsum([0] + [len(part.points_m) for part in parts[:-1]]).tolist()
    faces = torch.cat([part.faces + offset for part, offset in zip(parts, offsets, strict=True)])
    points, along, uv, light = (
        torch.cat([getattr(part, name) for part in parts]) for name in ("points_m", "along", "uv", "occlusion")
    )
    return Strands(points, along, faces, uv, light)


def tangents(curves_m: Tensor) -> Tensor:
    """(..., T, 3) unit directions along the curves."""
    step = curves_m[..., 1:, :] - curves_m[..., :-1, :]
    middle = step[..., 1:, :] + step[..., :-1, :]
    return unit(torch.cat([step[..., :1, :], middle, step[..., -1:, :]], -2))


def smooth_noise(rng: np.random.Generator, count: int, knots: int, channels: int) -> np.ndarray:
    """(count, channels) smooth random curves of unit deviation with that many knots."""
    values = rng.standard_normal((knots, channels))
    at = np.linspace(0, knots - 1, count)
    low = np.minimum(at.astype(int), knots - 2)
    t = smoothstep((at - low)[:, None])
    return (values[low] * (1 - t) + values[low + 1] * t).astype(np.float32)


def _rise(steps: int, like: Tensor) -> Tensor:
    return torch.linspace(_V_LOW, _V_HIGH, steps, device=like.device)


def _grid(rows: int, columns: int, device: torch.device) -> Tensor:
    """(2 (rows - 1) (columns - 1), 3) triangles of a grid of vertices."""
    corner = torch.arange(rows - 1, device=device)[:, None] * columns + torch.arange(columns - 1, device=device)
    corner = corner.reshape(-1, 1)
    lower = corner + torch.tensor([0, columns, columns + 1], device=device)
    upper = corner + torch.tensor([0, columns + 1, 1], device=device)
    return torch.cat([lower, upper])
