"""From a picture to what a prior network sees of a face: the same crop in training, validation and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from teacher.prior.records import LANDMARK_CHANNELS, PriorInput

if TYPE_CHECKING:
    from teacher.prior.geometry.landmark_maps import LandmarkMapper

MARGIN = 1.7  # side of the crop / longer side of the landmarks' box: hair, chin and ears are in it
_N_FACE = 468  # MediaPipe's points without the irises


def face_crop(landmarks_px: Tensor, size: int) -> Crop:
    """The crop of ``size`` pixels around MediaPipe's landmarks (..., 478, 2), in pixels of the picture."""
    return Crop.around(landmarks_px[..., :_N_FACE, :], size, MARGIN)


def prior_input(
    image: np.ndarray, crop: Crop, landmarks_px: Tensor | None, mapper: LandmarkMapper | None
) -> PriorInput:
    """Cut one face out of a picture, without leading dimensions.

    Args:
        image: (H, W, 3) uint8 RGB.
        crop: square, its side an even number of pixels.
        landmarks_px: (478, 2) in pixels of the picture; None hides them from the network.
        mapper: of the network's head; without it, they are hidden too.
    """
    points = None if landmarks_px is None else crop.apply(landmarks_px.float())
    return crop_input(crop.sample(image), points, mapper)


def crop_input(image: np.ndarray, landmarks_px: Tensor | None, mapper: LandmarkMapper | None) -> PriorInput:
    """The same from a picture (S, S, 3) that is a crop already, and landmarks in its pixels."""
    size = image.shape[0]
    pixels = torch.from_numpy(image).permute(2, 0, 1).contiguous().float() / 255
    if landmarks_px is None or mapper is None:
        nothing = torch.zeros(LANDMARK_CHANNELS, size // 2, size // 2)
        return PriorInput(pixels, torch.zeros(478, 2), nothing, torch.tensor(False))
    maps = torch.from_numpy(mapper.maps(landmarks_px.numpy(), size))
    return PriorInput(pixels, landmarks_px, maps, torch.tensor(True))


def R_crop_camera(camera: Camera, crop: Crop) -> Tensor:
    """(..., 3, 3) rotation from the axes of a picture's camera to those of the frame "crop".

    The shortest one, so without roll, that brings the line of sight through the crop's middle onto z.
    """
    height, width = crop.size
    middle = crop.invert(crop.affine.new_tensor([[width / 2, height / 2]]))[..., 0, :]
    slope = (middle - camera.center_px) / camera.focal_px
    x, y, z = torch.nn.functional.normalize(torch.cat([slope, torch.ones_like(slope[..., :1])], -1), dim=-1).unbind(-1)
    shared = 1 / (1 + z)
    rows = [1 - x * x * shared, -x * y * shared, -x, -x * y * shared, 1 - y * y * shared, -y, x, y, z]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def R_sight_world(camera: Camera) -> Tensor:
    """(..., 3, 3) from the world's axes to those of the frame "crop", for a camera (...) whose picture is the crop."""
    whole = Crop(torch.eye(3)[:2].to(camera.focal_px), camera.size)
    return R_crop_camera(camera, whole) @ camera.T_cam_world[..., :3, :3]
