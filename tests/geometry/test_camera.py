"""The pinhole camera, on images that are not square and with pixels that are not either."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.focal import focal_from_35mm, focal_from_fov
from shared.geometry.rotation import axis_angle_to_matrix

SIZE = (480, 640)


def _cameras(batch: int = 3) -> Camera:
    generator = torch.Generator().manual_seed(0)
    T_cam_world = torch.eye(4, dtype=torch.float64).repeat(batch, 1, 1)
    T_cam_world[:, :3, :3] = axis_angle_to_matrix(torch.randn(batch, 3, generator=generator, dtype=torch.float64))
    T_cam_world[:, :3, 3] = torch.tensor([0.1, -0.2, 3.0], dtype=torch.float64)
    focal = torch.tensor([700.0, 650.0], dtype=torch.float64) + 10 * torch.arange(batch)[:, None]
    center = torch.tensor([300.0, 260.0], dtype=torch.float64).expand(batch, 2)
    return Camera(focal, center, T_cam_world, SIZE)


def _points(batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, 20, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 0.3


def test_project_equals_opencv() -> None:
    cameras, points = _cameras(), _points()
    projected = cameras.project(points)
    for index in range(3):
        camera = cameras[index]
        K = np.diag([*camera.focal_px.tolist(), 1.0])
        K[:2, 2] = camera.center_px
        rotation, _ = cv2.Rodrigues(camera.T_cam_world[:3, :3].numpy())
        translation = camera.T_cam_world[:3, 3].numpy()
        want, _ = cv2.projectPoints(points[index].numpy(), rotation, translation, K, np.zeros(4))
        np.testing.assert_allclose(projected[index], want[:, 0], atol=1e-8)


def test_unproject_inverts_project() -> None:
    cameras, points = _cameras(), _points()
    depth = cameras.world_to_cam(points)[..., 2]
    assert (depth > 0).all()
    np.testing.assert_allclose(cameras.unproject(cameras.project(points), depth), points, atol=1e-12)


def test_gradient_of_project() -> None:
    cameras, points = _cameras(2), _points(2).requires_grad_()
    focal = cameras.focal_px.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda f, p: replace(cameras, focal_px=f).project(p), (focal, points))


def test_the_camera_of_a_crop_projects_to_the_crops_pixels() -> None:
    cameras, points = _cameras(), _points()
    center = torch.tensor([[320.0, 200.0], [10.0, 470.0], [333.3, 222.2]], dtype=torch.float64)
    side = torch.tensor([100.0, 412.5, 777.7], dtype=torch.float64)
    crop = Crop.square(center, side, 256)
    warped = cameras.warped(crop.affine, crop.size)
    np.testing.assert_allclose(warped.project(points), crop.apply(cameras.project(points)), atol=1e-9)
    assert warped.size == (256, 256)
    stretch = torch.tensor([[2.0, 0, 5], [0, 0.5, -7]], dtype=torch.float64)  # pixels that are not square
    scaled = cameras.project(points) * torch.tensor([2.0, 0.5]) + torch.tensor([5.0, -7])
    np.testing.assert_allclose(cameras.warped(stretch, (240, 1280)).project(points), scaled, atol=1e-9)


def test_a_resized_view_has_the_same_points_at_the_same_share_of_the_image() -> None:
    cameras, points = _cameras(), _points()
    small = cameras.resized((120, 320))
    assert small.size == (120, 320)
    np.testing.assert_allclose(small.project(points) * torch.tensor([2.0, 4.0]), cameras.project(points), atol=1e-9)


def test_at_origin() -> None:
    camera = Camera.at_origin(torch.tensor(500.0), SIZE)
    assert camera.focal_px.tolist() == [500, 500]
    assert camera.center_px.tolist() == [320, 240]  # x first: half the width
    ahead = torch.tensor([[0.0, 0, -2], [0.4, 0, -2], [0, 0.4, -2]])
    assert camera.project(ahead).tolist() == [[320, 240], [420, 240], [320, 140]]
    batch = Camera.at_origin(torch.tensor([500.0, 600.0, 700.0]), SIZE)
    assert batch.focal_px.tolist() == [[500, 500], [600, 600], [700, 700]]
    assert batch.T_cam_world.shape == (3, 4, 4)
    pair = Camera.at_origin(torch.tensor([500.0, 600.0]), SIZE)  # two cameras, not fx and fy
    assert pair.focal_px.tolist() == [[500, 500], [600, 600]]
    moved = Camera.at_origin(torch.tensor([500.0]), SIZE, torch.tensor([[1.0, 2.0]]))
    assert moved.center_px.tolist() == [[1, 2]]


def test_focal_lengths() -> None:
    focal = focal_from_fov(math.radians(60), 640)
    assert math.degrees(2 * math.atan(320 / focal)) == pytest.approx(60)
    assert focal_from_35mm(math.hypot(36, 24), (480, 640)) == pytest.approx(800)
    assert focal_from_35mm(50, (640, 480)) == focal_from_35mm(50, (480, 640))
