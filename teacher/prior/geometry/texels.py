"""The texture of a head, texel by texel: which triangle lies there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.records.tensor_record import TensorRecord
from shared.render.rasterizer import rasterize


@dataclass(frozen=True)
class Texels(TensorRecord):
    """A texture of T texels a side; texel (row i, column j) stands for UV ((j + 0.5) / T, (i + 0.5) / T)."""

    face_index: Tensor  # (T, T) int64, row of ``FlameAssets.faces``; that of the nearest covered texel in a gutter
    barycentric: Tensor  # (T, T, 3) weights of its corners

    @staticmethod
    def of(assets: FlameAssets, size: int, faces: Tensor | None = None) -> Texels:
        """Lay the head's triangles flat, all or those of ``faces`` (N,). ValueError if it has no UV."""
        if not assets.has_uv:
            raise ValueError(f"head {assets.name!r} has no texture coordinates: put head_template.obj beside its file")
        chosen = torch.arange(len(assets.uv_faces)) if faces is None else faces
        flat = torch.cat([assets.uv, torch.ones(len(assets.uv), 1)], 1)
        camera = Camera(torch.full((2,), float(size)), torch.zeros(2), torch.eye(4), (size, size))
        seen = rasterize(flat, assets.uv_faces[chosen], camera)
        nearest = distance_transform_edt((~seen.mask).numpy(), return_distances=False, return_indices=True)
        row, column = torch.from_numpy(nearest).long()
        return Texels(chosen[seen.face_index[row, column]], seen.barycentric[row, column])

    def mix(self, corners: Tensor) -> Tensor:
        """Values at the corners of all triangles (F, 3, C) -> (T, T, C)."""
        return (corners[self.face_index] * self.barycentric[..., None]).sum(-2)
