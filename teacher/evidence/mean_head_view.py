"""Where the mean head at a first pose has its vertices, and which of them it shows.

A UV map mistakes one part of a head for another that looks like it: in profile the far cheek for the near one, an ear
for the other. Before anything is fitted, the landmarks show well enough how the head is turned to know better.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.landmarks import FACE_OVAL
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.initial_pose import pose_from_landmarks
from shared.geometry.meshes import vertex_normals
from shared.geometry.rotation import axis_angle_to_matrix
from shared.records.tensor_record import TensorRecord
from shared.render.rasterizer import rasterize

_RASTER = 128  # pixels of the depth map's side
_SLACK_M = 0.01  # so far behind the surface that is seen a vertex still counts, as in the paper
_TURNED = -0.3  # cosine to the camera below which a vertex counts as turned away: the pose is a few degrees right


@dataclass(frozen=True)
class FirstView(TensorRecord):
    """The mean head's N vertices in one picture."""

    pixel_px: Tensor  # (..., N, 2)
    visible: Tensor  # (..., N) bool, for all that the head itself can hide
    towards: Tensor  # (..., N) cosine between its normal and the way to the camera
    outward: Tensor  # (..., N, 2) unit, its normal in the picture


@dataclass(frozen=True)
class MeanHead(TensorRecord):
    """The head before any fit, on the CPU."""

    verts_m: Tensor  # (V, 3)
    faces: Tensor  # (F, 3)
    normals: Tensor  # (V, 3)
    vertices: Tensor  # (N,) int64, those that are asked for
    known: Tensor  # (P,) int64, landmarks that keep their place on the head from every side
    landmarks_m: Tensor  # (P, 3)
    root_m: Tensor  # (3,)

    @staticmethod
    def of(model: FlameModel, vertices: Tensor) -> MeanHead:
        """ValueError if the head knows no landmarks."""
        assets = model.assets
        known, embedding = mediapipe_embedding(assets)
        rigid = ~torch.isin(known, torch.tensor(FACE_OVAL))
        verts = model.v_template.cpu()
        places = embedding.positions(verts, assets.faces)[rigid]
        normals = vertex_normals(verts, assets.faces)
        return MeanHead(verts, assets.faces, normals, vertices, known[rigid], places, model.joints_template[0].cpu())

    def view(self, landmarks_px: Tensor, camera: Camera, crop: Crop) -> FirstView:
        """One picture.

        Args:
            landmarks_px: (478, 2) MediaPipe's, in its pixels.
            camera: of the picture.
            crop: where the face is.
        """
        rotation_vector, translation = pose_from_landmarks(
            self.landmarks_m, self.root_m, landmarks_px[None, self.known], camera[None]
        )
        rotation = axis_angle_to_matrix(rotation_vector)[0]
        verts = (self.verts_m - self.root_m) @ rotation.T + self.root_m + translation
        seen = camera.world_to_cam(verts)
        ours = seen[self.vertices]
        normals = self.normals[self.vertices] @ rotation.T @ camera.T_cam_world[:3, :3].T
        towards = -(normals * torch.nn.functional.normalize(ours, dim=1)).sum(1)

        small = camera.warped(crop.affine * (_RASTER / crop.size[0]), (_RASTER, _RASTER))
        depth_m = rasterize(seen, self.faces, small).depth_m
        column, row = small.project(verts[self.vertices]).floor().long().unbind(-1)
        inside = (column >= 0) & (column < _RASTER) & (row >= 0) & (row < _RASTER)
        front = depth_m[row.clamp(0, _RASTER - 1), column.clamp(0, _RASTER - 1)]
        hidden = inside & (front > 0) & (ours[:, 2] > front + _SLACK_M)
        outward = torch.nn.functional.normalize(normals[:, :2], dim=1)
        return FirstView(camera.project(verts[self.vertices]), (towards > _TURNED) & ~hidden, towards, outward)
