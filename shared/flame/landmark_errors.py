"""What errors of a landmarker are expected in pictures of a head, in pixels: `LandmarkNoise` as a camera sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.landmarks import facing
from shared.geometry.camera import Camera
from shared.geometry.face_axes import upright_axes, yaw_of
from shared.records.tensor_record import TensorRecord


@dataclass(frozen=True)
class RigidView(TensorRecord):
    """How N pictures show P landmarks of the unposed head, moved as a rigid body."""

    R_cam_head: Tensor  # (N, 3, 3)
    facing: Tensor  # (N, P) cosine between each point's side of the head and the way to the camera
    scale_px: Tensor  # (N,) pixels of the distance of the outer eye corners, as from straight ahead

    @staticmethod
    def of(
        rest_m: Tensor, corners: Sequence[int], root_m: Tensor, rotation: Tensor, translation: Tensor, camera: Camera
    ) -> RigidView:
        """Of one rigid motion a picture.

        Args:
            rest_m: (P, 3) landmarks of the unposed head.
            corners: rows of the outer eye corners among them.
            root_m: (3,) the joint about which the head turns.
            rotation: (N, 3, 3) from the head's axes to the world's.
            translation: (N, 3) metres.
            camera: (N).
        """
        rows = list(corners)
        at_camera = camera.world_to_cam((rest_m - root_m) @ rotation.transpose(1, 2) + root_m + translation[:, None])
        R_cam_head = camera.T_cam_world[:, :3, :3] @ rotation
        depth_m = at_camera[:, rows, 2].mean(1).clamp(min=1e-3)
        right, left = rest_m[rows]
        return RigidView(
            R_cam_head=R_cam_head,
            facing=facing(rest_m, R_cam_head, at_camera, corners),
            scale_px=(right - left).norm() * camera.focal_px[:, 0] / depth_m,
        )


@dataclass(frozen=True)
class ExpectedErrors(TensorRecord):
    """Of P landmarks in N pictures, pixels along the picture's axes; fields have unit Gaussian coefficients."""

    mean_px: Tensor  # (N, P, 2)
    std_px: Tensor  # (N, P) independent from point to point, a coordinate
    picture_px: Tensor  # (N, P, 2, k) fields of each picture
    person_px: Tensor  # (N, P, 2, K) fields that pictures of one person share

    @staticmethod
    def of(noise: LandmarkNoise, view: RigidView) -> ExpectedErrors:
        """Of the P landmarks of ``noise``."""
        seen = noise.at(yaw_of(view.R_cam_head))
        upright_to_picture = upright_axes(view.R_cam_head).transpose(1, 2)
        scale_px = view.scale_px[:, None]
        by_person = torch.einsum("nij,pjk->npik", view.R_cam_head[:, :2], noise.person)
        return ExpectedErrors(
            mean_px=torch.einsum("nij,npj->npi", upright_to_picture, seen.mean) * scale_px[..., None],
            std_px=scale_px * seen.std,
            picture_px=torch.einsum("nij,npjk->npik", upright_to_picture * scale_px[..., None], seen.fields),
            person_px=by_person * scale_px[..., None, None],
        )
