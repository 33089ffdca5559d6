"""Meshes that occluders are made of: grids, tubes, bodies of revolution, rounded boxes.

All are wound so that their normals point outwards, and carry texture coordinates per corner. Metres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from shared.geometry.meshes import unit


@dataclass(frozen=True, eq=False)
class Mesh:
    """One triangle mesh."""

    verts_m: Tensor  # (V, 3)
    faces: Tensor  # (F, 3) int64
    uv: Tensor  # (F, 3, 2) per corner, in [0, 1]

    def moved(self, rotation: Tensor, origin_m: Tensor) -> Mesh:
        """Turned by (3, 3), whose columns are the new axes, then shifted by (3,)."""
        return replace(self, verts_m=self.verts_m @ rotation.T + origin_m)


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several."""
    starts, total = [], 0
    for mesh in meshes:
        starts.append(total)
        total += len(mesh.verts_m)
    return Mesh(
        torch.cat([mesh.verts_m for mesh in meshes]),
        torch.cat([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
        torch.cat([mesh.uv for mesh in meshes]),
    )


def grid(points_m: Tensor, closed_rows: bool = False, closed_columns: bool = False) -> Mesh:
    """A sheet over points (R, C, 3); its outside is where (down the rows) x (along the columns) points.

    u runs along the columns, v down the rows. Closed: the last row or column meets the first.
    """
    rows, columns = points_m.shape[:2]
    faces, uv = _grid_topology(rows, columns, closed_rows, closed_columns)
    return Mesh(points_m.reshape(-1, 3), faces.to(points_m.device), uv.to(points_m))


@lru_cache(maxsize=64)
def _grid_topology(rows: int, columns: int, closed_rows: bool, closed_columns: bool) -> tuple[Tensor, Tensor]:
    quad_rows, quad_columns = rows - (not closed_rows), columns - (not closed_columns)
    row, column = torch.meshgrid(torch.arange(quad_rows), torch.arange(quad_columns), indexing="ij")
    row, column = row.reshape(-1), column.reshape(-1)

    def corner(down: int, along: int) -> tuple[Tensor, Tensor]:
        index = (row + down) % rows * columns + (column + along) % columns
        place = torch.stack([(column + along) / quad_columns, (row + down) / quad_rows], -1)
        return index, place

    a, b, c, d = corner(0, 0), corner(0, 1), corner(1, 0), corner(1, 1)
    triangles = ((a, c, b), (b, c, d))
    faces = torch.cat([torch.stack([index for index, _ in t], -1) for t in triangles])
    return faces, torch.cat([torch.stack([place for _, place in t], 1) for t in triangles])


def tube(path_m: Tensor, radius_m: Tensor | float, up: Tensor, sides: int = 8, closed: bool = False) -> Mesh:
    """A tube round a path (N, 3), rounded off at open ends.

    Args:
        radius_m: one for all, (N,), or (N, 2): across and along ``up``.
        up: (3,) or (N, 3), nowhere along the path.
    """
    count = len(path_m)
    radius = path_m.new_zeros(count, 2) + (
        radius_m[:, None] if isinstance(radius_m, Tensor) and radius_m.ndim == 1 else radius_m
    )
    if closed:
        tangent = unit(path_m.roll(-1, 0) - path_m.roll(1, 0))
    else:
        tangent = unit(torch.cat([path_m[1:], path_m[-1:]]) - torch.cat([path_m[:1], path_m[:-1]]))
        start, end = path_m[0] - tangent[0] * radius[0].mean(), path_m[-1] + tangent[-1] * radius[-1].mean()
        near, far = torch.lerp(path_m[0], start, 0.7), torch.lerp(path_m[-1], end, 0.7)
        path_m = torch.cat([torch.stack([start, near]), path_m, torch.stack([far, end])])
        radius = torch.cat([radius[:1] * 0.02, radius[:1] * 0.7, radius, radius[-1:] * 0.7, radius[-1:] * 0.02])
        tangent = torch.cat([tangent[:1], tangent[:1], tangent, tangent[-1:], tangent[-1:]])
        if up.ndim == 2:
            up = torch.cat([up[:1], up[:1], up, up[-1:], up[-1:]])
    across = unit(torch.linalg.cross(up.expand_as(tangent), tangent))
    along = torch.linalg.cross(across, tangent)
    angle = torch.arange(sides, device=path_m.device) * (2 * math.pi / sides)
    ring = (
        across[:, None] * (radius[:, :1] * angle.cos())[..., None]
        + along[:, None] * (radius[:, 1:] * angle.sin())[..., None]
    )
    return grid(path_m[:, None] + ring, closed_rows=closed, closed_columns=True)


def lathe(profile_m: Tensor, sides: int = 24) -> Mesh:
    """A body of revolution about y; profile (N, 2) of radius and y, from the top down on the outside."""
    angle = torch.arange(sides, device=profile_m.device) * (2 * math.pi / sides)
    radius, height = profile_m[:, :1], profile_m[:, 1:].expand(-1, sides)
    return grid(torch.stack([radius * angle.sin(), height, radius * angle.cos()], -1), closed_columns=True)


def ellipsoid(radii_m: tuple[float, float, float], device: torch.device, rows: int = 14, sides: int = 24) -> Mesh:
    """An ellipsoid about the origin."""
    polar = torch.linspace(0.0, math.pi, rows, device=device)
    mesh = lathe(torch.stack([polar.sin(), polar.cos()], -1), sides)
    return replace(mesh, verts_m=mesh.verts_m * mesh.verts_m.new_tensor(radii_m))


def rounded_box(size_m: tuple[float, float, float], round_m: float, device: torch.device) -> Mesh:
    """A box about the origin with round edges; ``round_m`` is less than half of every side."""
    polar = torch.linspace(0.0, math.pi, 12, device=device)  # an even count: no ring lies on the equator
    sphere = lathe(torch.stack([polar.sin().clamp_min(0), polar.cos()], -1), 24)  # poles on the axis to the last bit
    half_turn = math.pi / 24  # nor a column on a plane of symmetry
    cosine, sine = math.cos(half_turn), math.sin(half_turn)
    turn = sphere.verts_m.new_tensor([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])
    normal = sphere.verts_m @ turn.T
    inner = normal.new_tensor(size_m) / 2 - round_m
    return replace(sphere, verts_m=normal.sign() * inner + normal * round_m)


def axes(y: Tensor, towards_z: Tensor) -> Tensor:
    """(3, 3) rotation whose columns are x, y and z: y as given, z as near to ``towards_z`` as it gets."""
    y = unit(y)
    z = unit(towards_z - (towards_z @ y) * y)
    return torch.stack([torch.linalg.cross(y, z), y, z], 1)


def smooth_path(points_m: Tensor, count: int, closed: bool = False) -> Tensor:
    """(K, 3) -> (count, 3) on the Catmull-Rom curve through the points."""
    knots = len(points_m)
    place = torch.arange(count, device=points_m.device) * (knots / count if closed else (knots - 1) / (count - 1))
    start = place.long().clamp_max(knots - 1 if closed else knots - 2)
    t = (place - start)[:, None]

    def at(offset: int) -> Tensor:
        index = start + offset
        return points_m[index % knots if closed else index.clamp(0, knots - 1)]

    a, b, c, d = at(-1), at(0), at(1), at(2)
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
