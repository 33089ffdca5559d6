"""Where a face is: from FLAME's parameters to what a crop shows of it, and back, both exact.

The neck turns the face as the head's own rotation does, and no picture distinguishes them. So the pose of the *face* is
what is regressed: both rotations together, and the place of one point of the face, the anchor, that both carry along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Pinhole
from shared.geometry.face_crop import R_sight_cam
from shared.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from shared.records.tensor_record import TensorRecord


@dataclass(frozen=True)
class FacePose(TensorRecord):
    """In the camera's frame."""

    R_cam_face: Tensor  # (..., 3, 3)
    anchor_m: Tensor  # (..., 3)

    @staticmethod
    def of(params: FlameParams, camera: Pinhole, model: FlameModel, anchor_m: Tensor) -> FacePose:
        """Of posed heads; ``anchor_m`` (3,) is a point of the head that follows the neck joint, unposed."""
        R_world_head, R_head_face = (axis_angle_to_matrix(part) for part in (params.global_rot, params.neck))
        root, neck = model.rest_joints(model.coefficients(params))[..., :2, :].unbind(-2)
        arm = _turn(R_world_head, _turn(R_head_face, anchor_m - neck) + neck - root)
        anchor = camera.world_to_cam((arm + root + params.translation)[..., None, :])[..., 0, :]
        return FacePose(camera.T_cam_world[..., :3, :3] @ R_world_head @ R_head_face, anchor)

    def placed(self, params: FlameParams, camera: Pinhole, model: FlameModel, anchor_m: Tensor) -> FlameParams:
        """The parameters with the global rotation and translation that give this pose; the inverse of `of`."""
        R_head_face = axis_angle_to_matrix(params.neck)
        R_world_cam = camera.T_cam_world[..., :3, :3].transpose(-1, -2)
        R_world_head = R_world_cam @ self.R_cam_face @ R_head_face.transpose(-1, -2)
        root, neck = model.rest_joints(model.coefficients(params))[..., :2, :].unbind(-2)
        arm = _turn(R_world_head, _turn(R_head_face, anchor_m - neck) + neck - root)
        world = _turn(R_world_cam, self.anchor_m - camera.T_cam_world[..., :3, 3])
        return FlameParams(
            shape=params.shape,
            expression=params.expression,
            global_rot=matrix_to_axis_angle(R_world_head),
            neck=params.neck,
            jaw=params.jaw,
            eyes=params.eyes,
            translation=world - arm - root,
            eyelids=params.eyelids,
        )


@dataclass(frozen=True)
class SightPose(TensorRecord):
    """In a picture, against the line of sight through the anchor: what a crop of the picture shows."""

    R_sight_face: Tensor  # (..., 3, 3)
    anchor_px: Tensor  # (..., 2)
    log_scale: Tensor  # (...) log of pixels per metre at the anchor's depth

    @staticmethod
    def of(pose: FacePose, focal_px: Tensor, center_px: Tensor) -> SightPose:
        """For a picture with focal length (...) and principal point (..., 2) in its pixels."""
        slope = pose.anchor_m[..., :2] / pose.anchor_m[..., 2:]
        return SightPose(
            R_sight_face=R_sight_cam(slope) @ pose.R_cam_face,
            anchor_px=slope * focal_px[..., None] + center_px,
            log_scale=(focal_px / pose.anchor_m[..., 2]).log(),
        )

    def in_camera(self, focal_px: Tensor, center_px: Tensor) -> FacePose:
        """The inverse of `of`."""
        slope = (self.anchor_px - center_px) / focal_px[..., None]
        depth = focal_px * torch.exp(-self.log_scale)
        anchor = torch.cat([slope, torch.ones_like(slope[..., :1])], -1) * depth[..., None]
        return FacePose(R_sight_cam(slope).transpose(-1, -2) @ self.R_sight_face, anchor)


class PredictedParts(Protocol):
    """What networks and labels say of a face as they are."""

    @property
    def neck(self) -> Tensor: ...

    @property
    def jaw(self) -> Tensor: ...

    @property
    def eyes(self) -> Tensor: ...

    @property
    def eyelids(self) -> Tensor: ...


def unplaced_params(shape: Tensor, expression: Tensor, parts: PredictedParts) -> FlameParams:
    """Parameters of heads before `FacePose.placed`: no global rotation, no translation.

    Args:
        shape: (..., S) coefficients of the head model.
        expression: (..., E).
        parts: neck, jaw, eyes and lids.
    """
    still = torch.zeros_like(parts.jaw)
    return FlameParams(shape, expression, still, parts.neck, parts.jaw, parts.eyes, still, parts.eyelids)


def _turn(rotation: Tensor, vector: Tensor) -> Tensor:
    return (rotation @ vector[..., None])[..., 0]
