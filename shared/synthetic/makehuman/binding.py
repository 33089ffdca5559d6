"""A garment on a head: where its vertices go, and how it is kept out of the skin."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.geometry.closest import SurfaceTree
from shared.records.tensor_record import TensorRecord
from shared.synthetic.makehuman.base_mesh import BaseMesh, BaseVertices, triangle_frames
from shared.synthetic.makehuman.files import GarmentFile
from shared.synthetic.scene.scene import PosedHead

_NEAR_M = 0.02  # what stands farther off doesn't follow the slope of the skin
_THIN = 0.05  # height of a triangle over its length, below which it doesn't say where an offset points


@dataclass(frozen=True, eq=False)
class Binding(TensorRecord):
    """N garment vertices, each hung on three base vertices."""

    base: BaseVertices  # those in use
    index: Tensor  # (N, 3) int64 rows of ``base``
    weights: Tensor  # (N, 3)
    offset: Tensor  # (N, 3) times the scale
    scale_pair: Tensor  # (3, 2) int64 rows of ``base``
    scale_unit: Tensor  # (3,)
    template_frame: Tensor  # (N, 3, 3) of each triangle of base vertices; zero where that is too thin

    @staticmethod
    def of(garment: GarmentFile, mesh: BaseMesh, template_m: Tensor) -> Binding:
        """Bind to the head with this template (V, 3). ValueError if it hangs on what the head doesn't have."""
        used, index = np.unique(np.concatenate([garment.base.ravel(), garment.scale_pair.ravel()]), return_inverse=True)
        base = mesh.vertices[torch.from_numpy(mesh.rows(used))]
        rows = torch.from_numpy(index.reshape(-1))
        triangles, pairs = rows[: garment.base.size].reshape(-1, 3), rows[garment.base.size :].reshape(3, 2)
        corners = base.on_neutral(template_m)[triangles]
        edge, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        height = torch.linalg.cross(edge, other).norm(dim=1) / edge.norm(dim=1).square().clamp_min(1e-12)
        return Binding(
            base=base,
            index=triangles,
            weights=torch.from_numpy(garment.weights),
            offset=torch.from_numpy(garment.offset),
            scale_pair=pairs,
            scale_unit=torch.from_numpy(garment.scale_unit),
            template_frame=triangle_frames(corners) * (height > _THIN)[:, None, None],
        )

    def on_neutral(self, neutral_m: Tensor) -> Tensor:
        """(N, 3) on a head (V, 3) in the template's pose, in its frame."""
        base = self.base.on_neutral(neutral_m)
        return self._mean(base[self.index]) + self._offset_m(base)

    def on_posed(self, head: PosedHead) -> Tensor:
        """(N, 3) world.

        Offsets turn with the base vertices below; where those don't show how, with the skull.
        """
        corners = self.base.on_posed(head)[self.index]
        turn = triangle_frames(corners) @ self.template_frame.transpose(1, 2)
        unknown = (self.template_frame[:, :, 2] == 0).all(1)
        turn = torch.where(unknown[:, None, None], head.T_world_skull[:3, :3], turn)
        offset = self._offset_m(self.base.on_neutral(head.neutral_m))
        return self._mean(corners) + (turn @ offset[..., None]).squeeze(-1)

    def _mean(self, corners_m: Tensor) -> Tensor:
        return (corners_m * self.weights[..., None]).sum(1)

    def _offset_m(self, base_m: Tensor) -> Tensor:
        first, second = base_m[self.scale_pair[:, 0]], base_m[self.scale_pair[:, 1]]
        return self.offset * ((first - second).diagonal().abs() / self.scale_unit)


@dataclass(frozen=True, eq=False)
class Clearance(TensorRecord):
    """Keeps N points off the skin that lies below them on the template."""

    corners: Tensor  # (N, 3) int64 vertices of the head
    barycentric: Tensor  # (N, 3)
    floor_m: Tensor  # (N,) least height over the skin

    @staticmethod
    def of(points_m: Tensor, template_m: Tensor, faces: Tensor, least_m: Tensor, keep: Tensor) -> Clearance:
        """For points (N, 3) on the template (V, 3), over some faces (F, 3) of it.

        Args:
            least_m: (N,) how high to keep them.
            keep: (N,) bool: where a point is lower than that by design, it may stay so deep, not deeper.
        """
        hit = SurfaceTree.of(template_m.numpy(), faces.numpy()).closest(points_m.numpy())
        corners = faces[torch.from_numpy(hit.face_index)]
        barycentric = _barycentric(torch.from_numpy(hit.points).float(), template_m[corners])
        bound = Clearance(corners, barycentric, least_m)
        floor = torch.where(keep, bound.height(points_m, template_m).minimum(least_m), least_m)
        near = torch.from_numpy(hit.distance) < _NEAR_M
        return replace(bound, floor_m=torch.where(near, floor, -torch.inf))

    def height(self, points_m: Tensor, verts_m: Tensor) -> Tensor:
        """(N,) of points (N, 3) over the skin of a head (V, 3)."""
        return ((points_m - self._below(verts_m)) * self._outward(verts_m)).sum(1)

    def push_out(self, points_m: Tensor, verts_m: Tensor) -> Tensor:
        """(N, 3) points, those too low over the head (V, 3) raised along its normal."""
        rise = (self.floor_m - self.height(points_m, verts_m)).clamp_min(0)
        return points_m + self._outward(verts_m) * rise[:, None]

    def _below(self, verts_m: Tensor) -> Tensor:
        return (verts_m[self.corners] * self.barycentric[..., None]).sum(1)

    def _outward(self, verts_m: Tensor) -> Tensor:
        return triangle_frames(verts_m[self.corners])[..., 2]


def _barycentric(points: Tensor, triangles: Tensor) -> Tensor:
    """(N, 3) weights of points (N, 3) in triangles (N, 3, 3)."""
    a, b, p = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0], points - triangles[:, 0]
    normal = torch.linalg.cross(a, b)
    area = normal.square().sum(1).clamp_min(1e-20)
    v = (torch.linalg.cross(p, b) * normal).sum(1) / area
    w = (torch.linalg.cross(a, p) * normal).sum(1) / area
    return torch.stack([1 - v - w, v, w], 1)
