"""The camera of a picture: as the options give it, as EXIF has it, or as assumed."""

from __future__ import annotations

import math
from typing import Literal

import torch

from shared.config import CameraConfig
from shared.geometry.camera import Camera
from shared.geometry.focal import focal_from_35mm, focal_from_fov
from shared.images.decode import Frame

FocalSource = Literal["given", "exif", "estimated", "assumed"]


def focal_of(frame: Frame, config: CameraConfig) -> tuple[float, FocalSource]:
    """Focal length in pixels and where it comes from: the options, else EXIF, else the assumed field of view."""
    if config.focal_px is not None:
        return config.focal_px, "given"
    if config.focal_35mm is not None:
        return focal_from_35mm(config.focal_35mm, frame.size), "given"
    if frame.focal_px is not None:
        return frame.focal_px, "exif"
    return focal_from_fov(math.radians(config.fov_deg), max(frame.size)), "assumed"


def camera_of(frame: Frame, config: CameraConfig) -> Camera:
    """The camera of a picture at the world's origin, without leading dimensions."""
    focal_px, _ = focal_of(frame, config)
    return Camera.at_origin(torch.tensor(focal_px), frame.size)
