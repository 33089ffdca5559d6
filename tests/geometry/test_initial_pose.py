"""The first pose, from points whose pose is known."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.initial_pose import pose_from_landmarks
from shared.geometry.rotation import axis_angle_to_matrix

_ROOT_M = torch.tensor([0.0, -0.1, -0.02])


def _posed(count: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Camera]:
    """Points of a head's size, rotation and translation of them, where they are seen, and by whom."""
    generator = torch.Generator().manual_seed(0)
    rest = (torch.rand(60, 3, generator=generator) - 0.5) * torch.tensor([0.16, 0.2, 0.12])
    turn = 0.5 * torch.randn(count, 3, generator=generator)
    rotation = axis_angle_to_matrix(turn)
    translation = torch.tensor([0.0, 0.0, -0.6]) + 0.05 * torch.randn(count, 3, generator=generator)
    camera = Camera.at_origin(torch.full((count,), 700.0), (512, 512))
    seen = camera.project((rest - _ROOT_M) @ rotation.transpose(1, 2) + _ROOT_M + translation[:, None])
    return rest, rotation, translation, seen, camera


def test_exact_points_give_the_pose() -> None:
    rest, rotation, translation, seen, camera = _posed(8)
    found_rotation, found_translation = pose_from_landmarks(rest, _ROOT_M, seen, camera, 30)
    torch.testing.assert_close(axis_angle_to_matrix(found_rotation), rotation, atol=2e-3, rtol=0)
    torch.testing.assert_close(found_translation, translation, atol=2e-4, rtol=0)


def test_a_pixel_of_noise_stays_a_small_matter() -> None:
    rest, rotation, translation, seen, camera = _posed(8)
    noisy = seen + torch.randn(seen.shape, generator=torch.Generator().manual_seed(1))
    found_rotation, found_translation = pose_from_landmarks(rest, _ROOT_M, noisy, camera)
    assert (axis_angle_to_matrix(found_rotation) - rotation).norm(dim=(1, 2)).max() < 0.06
    assert (found_translation - translation).norm(dim=1).max() < 0.02
