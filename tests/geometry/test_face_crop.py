"""The crop around a face, and the camera that looks through its middle."""

from __future__ import annotations

import torch

from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.face_crop import R_crop_camera, face_crop


def test_face_crop_ignores_irises_and_keeps_its_margin() -> None:
    landmarks = torch.rand(2, 478, 2) * 100 + 50
    landmarks[:, 468:] = 1e4
    crop = face_crop(landmarks, 64)
    box = crop.apply(landmarks[:, :468])
    side = (box.amax(-2) - box.amin(-2)).amax(-1)
    assert torch.allclose(side, torch.tensor(64 / 1.7), atol=1e-3)
    assert torch.allclose((box.amax(-2) + box.amin(-2)) / 2, torch.tensor(32.0), atol=1e-3)


def test_crop_frame_looks_through_the_middle_of_the_crop() -> None:
    camera = Camera.at_origin(torch.tensor(500.0), (400, 600))
    crop = Crop.square(torch.tensor([520.0, 90.0]), torch.tensor(100.0), 64)
    R = R_crop_camera(camera, crop)
    slope = (torch.tensor([520.0, 90.0]) - camera.center_px) / 500
    sight = torch.nn.functional.normalize(torch.tensor([*slope.tolist(), 1.0]), dim=0)
    assert torch.allclose(R @ sight, torch.tensor([0.0, 0.0, 1.0]), atol=1e-6)
    assert torch.allclose(R @ R.T, torch.eye(3), atol=1e-6)
    axis = torch.stack([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    assert abs(float(axis[2])) < 1e-6  # no roll


def test_crop_frame_is_the_cameras_at_the_principal_point() -> None:
    camera = Camera.at_origin(torch.tensor([300.0, 700.0]), (400, 600))
    crop = Crop.square(torch.tensor([300.0, 200.0]).expand(2, 2), torch.tensor([100.0, 50.0]), 64)
    assert torch.allclose(R_crop_camera(camera, crop), torch.eye(3).expand(2, 3, 3), atol=1e-6)
