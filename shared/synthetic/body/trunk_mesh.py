"""Neck, shoulders, chest and upper back below the head's cut edge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.geometry.meshes import unit, vertex_normals
from shared.synthetic.body.anatomy import Build, TrunkRays
from shared.synthetic.body.edge import NeckEdge
from shared.synthetic.body.trunk import Posture, trunk_to_world
from shared.synthetic.scene.scene import PosedHead

COLUMNS, _NECK_ROWS = 72, 7  # rows between the edge and the trunk
_ROWS = 20


@dataclass(frozen=True, eq=False)
class Bust:
    """One posed body. Rows lead from the head's edge (0) downwards, columns around from the front over the left."""

    grid_m: Tensor  # (R, M, 3) world; row 0 lies on the edge of the head
    grid_normals: Tensor  # (R, M, 3) unit, world
    leaving: Tensor  # (M, 3) unit, world: in which direction the skin leaves the head
    azimuth: Tensor  # (M,) of the columns about the trunk: 0 in front, growing to the left
    root_row: int  # where the neck ends and the trunk starts
    T_world_trunk: Tensor  # (4, 4)
    verts_m: Tensor  # (N + (R - 1) M, 3) world: the head's edge itself, then the rows from 1 on
    normals: Tensor  # of ``verts_m``, unit, world; those of the head on its edge

    @cached_property
    def trunk_m(self) -> Tensor:
        """(R, M, 3) ``grid_m`` in the frame of the trunk."""
        return (self.grid_m - self.T_world_trunk[:3, 3]) @ self.T_world_trunk[:3, :3]

    @cached_property
    def along_m(self) -> Tensor:
        """(R, M) way along the skin from the head's edge."""
        steps = (self.grid_m[1:] - self.grid_m[:-1]).norm(dim=-1)
        return torch.cat([torch.zeros_like(steps[:1]), steps.cumsum(0)])


def ring_faces(rows: int, columns: int) -> Tensor:
    """((rows - 1) * columns * 2, 3) of a tube whose vertices are in row order, outside where rows lead down."""
    start = torch.arange((rows - 1) * columns)
    right = torch.where(start % columns == columns - 1, start - columns + 1, start + 1)
    below, below_right = start + columns, right + columns
    return torch.stack([start, below, below_right, start, below_right, right], 1).reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class BustShape:
    """What is the same for all bodies of one head model."""

    edge: NeckEdge
    rays: TrunkRays
    faces: Tensor  # (F, 3) of ``Bust.verts_m``

    @staticmethod
    def of(assets: FlameAssets) -> BustShape:
        """Made once."""
        edge = NeckEdge.of(assets, COLUMNS)
        rays = TrunkRays.of(COLUMNS, np.linspace(0, 1, _ROWS) ** 1.15)
        tube = ring_faces(_NECK_ROWS + _ROWS - 1, COLUMNS) + len(edge.loop)
        return BustShape(edge, rays, torch.cat([edge.strip, tube]))

    def pose(self, head: PosedHead, build: Build, posture: Posture) -> Bust:
        """The body below ``head``."""
        T_world_trunk = trunk_to_world(head, posture)
        place, normal, leaving = self.edge.frame(head)
        trunk = self.rays.surface(build).to(place.device)
        trunk, azimuth = _turned_to(trunk, (place - T_world_trunk[:3, 3]) @ T_world_trunk[:3, :3])
        trunk = trunk @ T_world_trunk[:3, :3].T + T_world_trunk[:3, 3]
        grid = torch.cat([place[None], _neck(place, leaving, trunk), trunk])
        loop = self.edge.loop.to(grid.device)
        verts = torch.cat([head.verts_m[loop], grid[1:].flatten(0, 1)])
        normals = vertex_normals(verts, self.faces.to(grid.device))
        normals = torch.cat([head.normals[loop], normals[len(loop) :]])
        grid_normals = torch.cat([normal[None], normals[len(loop) :].unflatten(0, grid[1:].shape[:2])])
        return Bust(grid, grid_normals, leaving, azimuth, _NECK_ROWS, T_world_trunk, verts, normals)


def _turned_to(trunk: Tensor, edge: Tensor) -> tuple[Tensor, Tensor]:
    """Columns (U, M, 3) shifted around so that each starts below its place (M, 3) on the edge: necks are not wrung.

    Also their new azimuths (M,).
    """
    around = torch.atan2(edge[:, 0] - edge[:, 0].mean(), edge[:, 2] - edge[:, 2].mean())
    even = torch.arange(len(edge), device=edge.device) * (2 * torch.pi / len(edge))
    turn = torch.atan2((around - even).sin().mean(), (around - even).cos().mean())
    shift = turn * len(edge) / (2 * torch.pi)
    at = torch.arange(len(edge), device=edge.device) + shift
    first = at.floor()
    rows = first.long() % len(edge)
    return torch.lerp(trunk[:, rows], trunk[:, (rows + 1) % len(edge)], (at - first)[:, None]), even + turn


def _neck(place: Tensor, leaving: Tensor, trunk: Tensor) -> Tensor:
    """(K - 1, M, 3) cubic Hermite curves from the edge, tangent to the head there, into the rows (U, M, 3)."""
    chord = trunk[0] - place
    span = chord.norm(dim=-1, keepdim=True)
    # A little towards the trunk, or a shelf would stand off a neck that already flares out.
    out, into = unit(3 * leaving + unit(chord)) * span, unit(trunk[1] - trunk[0]) * span
    s = torch.linspace(0, 1, _NECK_ROWS + 1, device=place.device)[1:-1, None, None]
    s2, s3 = s * s, s * s * s
    return (2 * s3 - 3 * s2 + 1) * place + (s3 - 2 * s2 + s) * out + (3 * s2 - 2 * s3) * trunk[0] + (s3 - s2) * into
