"""MakeHuman's base mesh on the open head: where its vertices are on a head of any shape and pose."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.geometry.meshes import unit
from shared.records import TensorRecord

ASSET = "makehuman_on_open_head.safetensors"


@dataclass(frozen=True, eq=False)
class BaseVertices(TensorRecord):
    """Some vertices of the base mesh, each a point of the head's surface and an offset."""

    corners: Tensor  # (K, 3) int64 vertices of the head
    barycentric: Tensor  # (K, 3)
    offset_m: Tensor  # (K, 3) in the axes of the template
    template_frame: Tensor  # (K, 3, 3) of the triangle on the template, as of `triangle_frames`

    def on_neutral(self, neutral_m: Tensor) -> Tensor:
        """(K, 3) on a head (V, 3) in the template's pose.

        Offsets keep their direction: they may be long, and a cheek that slopes more must not turn the hair.
        """
        return self._on_surface(neutral_m[self.corners]) + self.offset_m

    def on_posed(self, verts_m: Tensor) -> Tensor:
        """(K, 3) on a posed head (V, 3). Offsets turn with the skin."""
        corners = verts_m[self.corners]
        turn = triangle_frames(corners) @ self.template_frame.transpose(1, 2)
        return self._on_surface(corners) + (turn @ self.offset_m[..., None]).squeeze(-1)

    def _on_surface(self, corners_m: Tensor) -> Tensor:
        return (corners_m * self.barycentric[..., None]).sum(1)


@dataclass(frozen=True, eq=False)
class BaseMesh:
    """All vertices of the base mesh that have a place on the head."""

    row: np.ndarray  # (19158,) of ``vertices``, -1 for those below the neck
    vertices: BaseVertices

    @staticmethod
    def of(assets: FlameAssets) -> BaseMesh:
        """Read the file that comes with the package. ValueError if it is for another head."""
        with resources.as_file(resources.files("shared") / "assets" / ASSET) as path, safe_open(path, "pt") as file:
            head_id = file.metadata()["head_id"]
            tensors = {name: file.get_tensor(name) for name in ("vertex", "face", "barycentric", "offset_m")}
        if assets.head_id != head_id:
            raise ValueError(
                f"MakeHuman's assets fit the open head only ({head_id}), and this head is {assets.name!r} "
                f"({assets.head_id}): leave makehuman_assets out, or use the open head"
            )
        corners = assets.faces.cpu()[tensors["face"].long()]
        frames = triangle_frames(assets.v_template.cpu()[corners])
        vertex = tensors["vertex"].long().numpy()
        row = np.full(vertex.max() + 1, -1)
        row[vertex] = np.arange(len(vertex))
        return BaseMesh(row, BaseVertices(corners, tensors["barycentric"], tensors["offset_m"], frames))

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
