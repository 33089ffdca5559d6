"""Networks that know the truth of one rendered head, to test what is made of their maps."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.meshes import vertex_normals
from shared.render.maps import RenderedMaps, render_maps
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.records import Frame, PriorInput, PriorMaps, PriorPrediction

SIZE = 256


class KnownMaps(PriorNetwork):
    """Says the same of every crop."""

    sees_landmarks = False

    def __init__(self, maps: PriorMaps, size: int = SIZE) -> None:
        super().__init__()
        self.maps, self.size, self.frame = maps, size, maps.frame
        self.backbone = nn.Identity()

    @property
    def predicts(self) -> frozenset[str]:
        """What it was given."""
        return frozenset(name for name in ("normal", "uv") if getattr(self.maps, name) is not None)

    def forward(self, inputs: PriorInput) -> PriorPrediction:
        """(1, ...)."""
        return PriorPrediction(self.maps.map(lambda t: t[None]))


def rendered(model: FlameModel, params: FlameParams, camera: Camera, crop: Crop, frame: Frame) -> RenderedMaps:
    """What a camera sees of one head (1 row) in a crop; normals in the frame "camera" or "head"."""
    assets, inside = model.assets, camera.warped(crop.affine, crop.size)
    verts = model(params).verts_m
    normals = vertex_normals(verts, model.faces)
    if frame == "head":
        upright = replace(params, global_rot=0 * params.global_rot, neck=0 * params.neck)
        # Turned forth here, and back by the renderer.
        normals = vertex_normals(model(upright).verts_m, model.faces) @ camera.T_cam_world[:3, :3]
    return render_maps(verts[0], assets.faces, inside, assets.uv, assets.uv_faces, normals=normals[0])


def networks(maps: RenderedMaps, frame: Frame, background: Tensor | None = None) -> tuple[KnownMaps, KnownMaps]:
    """One for UV and one for normals, as they were released; ``background`` (2, H, W) is the UV beside the head."""
    assert maps.uv is not None
    uv = maps.uv if background is None else torch.where(maps.mask, maps.uv, background)
    return KnownMaps(PriorMaps(frame, uv=uv)), KnownMaps(PriorMaps(frame, normal=maps.normal))
