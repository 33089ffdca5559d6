"""The square crop around a face that the networks see, and the axes of the camera that looks through its middle."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.crop import Crop

MARGIN = 1.7  # side of the crop / longer side of the landmarks' box: hair, chin and ears are in it
_N_FACE = 468  # MediaPipe's points without the irises


def face_crop(landmarks_px: Tensor, size: int, margin: float = MARGIN) -> Crop:
    """The crop of ``size`` pixels around MediaPipe's landmarks (..., 478, 2), in pixels of the picture."""
    return Crop.around(landmarks_px[..., :_N_FACE, :], size, margin)


def R_crop_camera(camera: Camera, crop: Crop) -> Tensor:
    """(..., 3, 3) rotation from the axes of a picture's camera to those of the frame "crop".

    The shortest one, so without roll, that brings the line of sight through the crop's middle onto z.
    """
    height, width = crop.size
    middle = crop.invert(crop.affine.new_tensor([[width / 2, height / 2]]))[..., 0, :]
    return R_sight_cam((middle - camera.center_px) / camera.focal_px)


def R_sight_cam(slope: Tensor) -> Tensor:
    """(..., 3, 3) the shortest rotation that brings the direction (slope, 1), slope (..., 2), onto the z axis."""
    ray = torch.nn.functional.normalize(torch.cat([slope, torch.ones_like(slope[..., :1])], -1), dim=-1)
    across, ahead = ray[..., :2, None], ray[..., 2:, None]
    turned = torch.eye(2).to(slope) - across * across.transpose(-1, -2) / (1 + ahead)
    return torch.cat([torch.cat([turned, -across], -1), ray[..., None, :]], -2)


def R_sight_world(camera: Camera) -> Tensor:
    """(..., 3, 3) from the world's axes to those of the frame "crop", for a camera (...) whose picture is the crop."""
    return R_crop_camera(camera, Crop.whole(camera.size, camera.focal_px)) @ camera.T_cam_world[..., :3, :3]
