"""How a face lies in a picture: its yaw, and the axes in which it is upright."""

from __future__ import annotations

import torch
from torch import Tensor


def yaw_of(R_cam_head: Tensor) -> Tensor:
    """(..., 3, 3) -> (...) yaw against the line of sight, positive where the face turns to the subject's left."""
    return torch.atan2(R_cam_head[..., 0, 2], -R_cam_head[..., 2, 2])


def upright_axes(R_cam_head: Tensor) -> Tensor:
    """(..., 3, 3) -> (..., 2, 2) from the picture's axes to those in which the head's up is up: a plain rotation."""
    up = torch.nn.functional.normalize(R_cam_head[..., :2, 1], dim=-1)
    cos, sin = -up[..., 1], up[..., 0]
    return torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], -2)
