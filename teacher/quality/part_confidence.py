"""How well each part of a face was seen: what a label is worth there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.flame.segmentation import FACE_PARTS, face_parts
from shared.geometry.camera import Camera
from shared.geometry.meshes import vertex_normals
from teacher.evidence.records import DenseEvidence

HALF_STD = 0.05  # a deviation of so many distances of the outer eye corners, 4.5 mm, halves the confidence


@dataclass(frozen=True)
class PartConfidence:
    """The parts of a head, and which of its vertices the dense evidence is of."""

    part: Tensor  # (V,) int64 places in `FACE_PARTS`
    vertices: Tensor | None  # (N,)
    faces: Tensor  # (F, 3)

    @staticmethod
    def of(model: FlameModel, vertices: Tensor | None) -> PartConfidence:
        """On the CPU."""
        assets = model.assets.to(torch.device("cpu"))
        known, embedding = mediapipe_embedding(assets)
        part = face_parts(assets, known, embedding.positions(assets.v_template, assets.faces))
        return PartConfidence(part, None if vertices is None else vertices.cpu(), assets.faces)

    def confidence(
        self, verts_m: Tensor, camera: Camera, dense: DenseEvidence | None, eye_distance_px: float
    ) -> Tensor:
        """(R,) for each of `FACE_PARTS`: 1 seen from all over and known exactly, 0 not seen.

        The mean over the part's vertices of 1 / (1 + (deviation / `HALF_STD`)^2), where a network says how far off it
        may be; with landmarks alone, the share of the vertices that face the camera inside the picture.

        Args:
            verts_m: (V, 3) posed mesh in the world.
            camera: of the picture.
            dense: evidence at the gauge's vertices, without leading dimensions.
            eye_distance_px: outer eye corners, in the pixels of the evidence.
        """
        if dense is None or self.vertices is None:
            part, worth = self.part, self._facing(verts_m, camera).float()
        else:
            part = self.part[self.vertices]
            worth = 1 / (1 + (dense.pixel_std_px / (HALF_STD * eye_distance_px)) ** 2)
        total, count = (
            torch.zeros(len(FACE_PARTS)).index_add(0, part, values) for values in (worth, torch.ones_like(worth))
        )
        return total / count.clamp_min(1)

    def _facing(self, verts_m: Tensor, camera: Camera) -> Tensor:
        points = camera.project(verts_m)
        inside = ((points > 0) & (points < points.new_tensor(camera.size[::-1]))).all(-1)
        eye = -camera.T_cam_world[:3, :3].T @ camera.T_cam_world[:3, 3]
        towards = ((eye - verts_m) * vertex_normals(verts_m, self.faces)).sum(-1) > 0
        return inside & towards
