"""A first pose in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.rotation import matrix_to_axis_angle, nearest_rotation


def pose_from_landmarks(
    rest_m: Tensor, root_m: Tensor, target_px: Tensor, camera: Camera, refinements: int = 5
) -> tuple[Tensor, Tensor]:
    """Head pose that brings rest points onto their pixels: POSIT (DeMenthon and Davis 1995), no starting value needed.

    Args:
        rest_m: (P, 3) points of the unposed head.
        root_m: (3,) the root joint, about which FLAME rotates.
        target_px: (B, P, 2) where they are seen.
        camera: (B) rows; intrinsics and ``T_cam_world`` are taken as known.

    Returns:
        ``global_rot`` (B, 3) axis-angle and ``translation`` (B, 3) metres, as in `FlameParams`.
    """
    centre = rest_m.mean(0)
    relative = rest_m - centre
    pseudo_inverse = torch.linalg.pinv(torch.cat([relative, torch.ones_like(relative[:, :1])], 1))  # (4, P)
    image = (target_px - camera.center_px[:, None]) / camera.focal_px[:, None]
    rotation_cam, inverse_depth, shift = scaled_orthography(pseudo_inverse, image)
    for _ in range(refinements):
        # Depth of each point over that of the centre, from the pose so far; with it the projection is affine.
        perspective = 1 + (relative @ rotation_cam[:, 2, :, None])[..., 0] * inverse_depth[:, None]
        rotation_cam, inverse_depth, shift = scaled_orthography(pseudo_inverse, image * perspective[..., None])
    depth = 1 / inverse_depth[:, None]
    centre_cam = torch.cat([shift * depth, depth], 1)

    rotation_cam_world = camera.T_cam_world[:, :3, :3]
    rotation = rotation_cam_world.transpose(1, 2) @ rotation_cam
    centre_world = (rotation_cam_world.transpose(1, 2) @ (centre_cam - camera.T_cam_world[:, :3, 3])[..., None])[..., 0]
    translation = centre_world - (rotation @ (centre - root_m)) - root_m
    return matrix_to_axis_angle(rotation), translation


def scaled_orthography(pseudo_inverse: Tensor, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Least-squares affine camera, made a rotation (B, 3, 3), a scale (B,) and a shift (B, 2)."""
    affine = pseudo_inverse @ image  # (B, 4, 2)
    scale = affine[:, :3].norm(dim=1).mean(1)
    first, second = (affine[:, :3] / scale[:, None, None]).unbind(-1)
    rotation = nearest_rotation(torch.stack([first, second, torch.linalg.cross(first, second)], 1))
    return rotation, scale, affine[:, 3]
