"""MakeHuman's base mesh on the open head: where its vertices are on a head of any shape and pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from shared.assets import asset_path
from shared.flame.schema import JOINTS, FlameAssets
from shared.geometry.meshes import unit
from shared.records.tensor_record import TensorRecord
from shared.synthetic.scene.scene import PosedHead

ASSET = "makehuman_on_open_head.safetensors"


@dataclass(frozen=True, eq=False)
class BaseVertices(TensorRecord):
    """Some vertices of the base mesh, each a point of the head's surface and an offset."""

    corners: Tensor  # (K, 3) int64 vertices of the head
    barycentric: Tensor  # (K, 3)
    offset_m: Tensor  # (K, 3) head frame
    eye: Tensor  # (K,) int64 joint of the eye on that side

    def on_neutral(self, neutral_m: Tensor) -> Tensor:
        """(K, 3) on a head (V, 3) in the template's pose; offsets, some of them long, keep their direction."""
        return self._on_surface(neutral_m) + self.offset_m

    def on_posed(self, head: PosedHead) -> Tensor:
        """(K, 3) world.

        The only offsets on a face are those of the lashes: they turn as their lid slides round the eye.
        """
        turn = head.T_world_skull[:3, :3]
        surface, eye = self._on_surface(head.verts_m), head.joints_m[self.eye]
        eye_before = (eye - head.T_world_skull[:3, 3]) @ turn
        before, after = unit(self._on_surface(head.neutral_m) - eye_before), unit((surface - eye) @ turn)
        return surface + rotated(self.offset_m, before, after) @ turn.T

    def _on_surface(self, verts_m: Tensor) -> Tensor:
        return (verts_m[self.corners] * self.barycentric[..., None]).sum(1)


def rotated(vectors: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Vectors (N, 3) turned as the least rotation turns unit vectors ``start`` to ``end`` (N, 3), not opposite."""
    axis, cosine = torch.linalg.cross(start, end), (start * end).sum(1, keepdim=True)
    once = torch.linalg.cross(axis, vectors)
    return vectors + once + torch.linalg.cross(axis, once) / (1 + cosine)


@dataclass(frozen=True, eq=False)
class BaseMesh:
    """All vertices of the base mesh that have a place on the head."""

    row: np.ndarray  # (19158,) of ``vertices``, -1 for those below the neck
    vertices: BaseVertices

    @staticmethod
    def of(assets: FlameAssets) -> BaseMesh:
        """Read the file that comes with the package. ValueError if it is for another head."""
        with safe_open(asset_path(ASSET), "pt") as file:
            head_id = file.metadata()["head_id"]
            tensors = {name: file.get_tensor(name) for name in ("vertex", "face", "barycentric", "offset_m")}
        if head_id != assets.head_id:
            raise ValueError(
                f"MakeHuman's assets fit the open head only ({head_id}), and this head is {assets.name!r} "
                f"({assets.head_id}): leave makehuman_assets out, or use the open head"
            )
        corners = assets.faces[tensors["face"].long()]
        is_left = assets.v_template[corners[:, 0], 0] > 0
        eye = torch.where(is_left, JOINTS.index("left_eye"), JOINTS.index("right_eye"))
        vertex = tensors["vertex"].long().numpy()
        row = np.full(vertex.max() + 1, -1)
        row[vertex] = np.arange(len(vertex))
        return BaseMesh(row, BaseVertices(corners, tensors["barycentric"], tensors["offset_m"], eye))

    def rows(self, vertex: np.ndarray) -> np.ndarray:
        """Rows of ``vertices`` of base mesh vertices (...). ValueError if one lies below the neck."""
        rows = np.where(vertex < len(self.row), self.row[np.minimum(vertex, len(self.row) - 1)], -1)
        if (rows < 0).any():
            raise ValueError("it hangs on parts of the body that a head does not have")
        return rows


def triangle_frames(corners_m: Tensor) -> Tensor:
    """(..., 3, 3) triangles -> orthonormal columns along the first edge, across it, outward; zero if degenerate."""
    edge, other = corners_m[..., 1, :] - corners_m[..., 0, :], corners_m[..., 2, :] - corners_m[..., 0, :]
    along, normal = unit(edge), unit(torch.linalg.cross(edge, other))
    return torch.stack([along, torch.linalg.cross(normal, along), normal], -1)
