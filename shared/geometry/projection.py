"""The derivative of the pinhole projection."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.geometry.camera import Camera


def projection_rows(camera: Camera, points_world: Tensor) -> Tensor:
    """Derivative of the pixels by the world positions. (B, P, 3) metres -> (B, P, 2, 3) pixels per metre."""
    points_cam = camera.world_to_cam(points_world)
    depth = points_cam[..., 2]
    fx, fy = camera.focal_px[..., None, 0], camera.focal_px[..., None, 1]
    zero = torch.zeros_like(depth)
    by_x = torch.stack([fx / depth, zero, -fx * points_cam[..., 0] / depth**2], -1)
    by_y = torch.stack([zero, fy / depth, -fy * points_cam[..., 1] / depth**2], -1)
    rotation = camera.T_cam_world[..., None, :3, :3]
    return torch.stack([by_x, by_y], -2) @ rotation
