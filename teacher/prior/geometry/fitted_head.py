"""What a head fitted to the landmarks shows in a crop: coarse UV and normals of each pixel, for a network to refine.

A fit to landmarks alone already holds most of what one picture says of a person's shape: on real heads its normals go
along with their deviation from the mean head with a correlation of 0.64. A network that starts there has only the rest
to find.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.geometry.meshes import vertex_normals
from teacher.prior.geometry.landmark_maps import draw_triangles
from teacher.prior.geometry.mirror import Mirror
from teacher.prior.records import LANDMARK_CHANNELS


@dataclass(frozen=True, eq=False)
class FittedHead:
    """A posed head in a picture, V vertices."""

    pixel_px: Tensor  # (V, 2) of the full picture
    depth_m: Tensor  # (V,) camera z
    normals: Tensor  # (V, 3) unit, camera frame

    @staticmethod
    def of(model: FlameModel, params: FlameParams, camera: Camera) -> FittedHead:
        """Without leading dimensions."""
        with torch.no_grad():
            verts_cam = camera.world_to_cam(model(params).verts_m)
            return FittedHead(camera.project_cam(verts_cam), verts_cam[:, 2], vertex_normals(verts_cam, model.faces))


@dataclass(frozen=True, eq=False)
class HeadDrawer:
    """Draws fitted heads of one head model."""

    triangles: np.ndarray  # (T, 3) int64 those without a seam of the texture
    uv: np.ndarray  # (V, 2) of each vertex in these
    mirrored_uv: np.ndarray  # (V, 2) of its partner

    @staticmethod
    def of(assets: FlameAssets, mirror: Mirror | None = None) -> HeadDrawer:
        """``mirror`` is needed for mirrored crops alone. ValueError if the head has no texture coordinates."""
        if not assets.has_uv:
            raise ValueError(f"head {assets.name!r} has no texture coordinates")
        uv_row = torch.full((assets.n_vertices,), -1)
        uv_row[assets.faces.flatten()] = assets.uv_faces.flatten()
        whole = (uv_row[assets.faces] == assets.uv_faces).all(1)
        uv = assets.uv[uv_row.clamp_min(0)]
        other = uv if mirror is None else mirror.uv(uv.T[:, None])[:, 0].T
        return HeadDrawer(assets.faces[whole].numpy(), uv.double().numpy(), other.double().numpy())

    def maps(self, pixel_px: Tensor, head: FittedHead, turn: np.ndarray, size: int, mirrored: bool = False) -> Tensor:
        """(6, size / 2, size / 2) float32: u, v, normal (frame "crop") and cover, as `LandmarkMapper.maps`.

        Args:
            pixel_px: (V, 2) of the head's vertices in a crop of ``size`` pixels.
            head: the fitted head.
            turn: (3, 3) from camera axes to those of the crop.
            size: even.
            mirrored: whether the crop shows the picture mirrored.
        """
        normals = head.normals.double().numpy() @ turn.T
        values = np.concatenate([self.mirrored_uv if mirrored else self.uv, normals], 1)
        maps = np.zeros((LANDMARK_CHANNELS, size // 2, size // 2), np.float32)
        nearest = np.full(maps.shape[1:], np.inf)
        draw_triangles(
            pixel_px.double().numpy() / 2, head.depth_m.double().numpy(), values, self.triangles, maps, nearest
        )
        return torch.from_numpy(maps)
