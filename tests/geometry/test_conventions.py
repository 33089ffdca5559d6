"""CONVENTIONS.md, held by a head of five points and by crops of painted pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from shared.flame.schema import JOINTS, PARENTS
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop

# Head frame: x = the subject's left, y up, z out of the face; metres.
LEFT_EYE, RIGHT_EYE, CROWN, CHIN, NOSE, NECK = torch.tensor(
    [[0.03, 0, 0.05], [-0.03, 0, 0.05], [0, 0.12, 0], [0, -0.08, 0.05], [0, -0.03, 0.09], [0, -0.1, -0.05]]
)
SIZE = (600, 400)


def _project(points: torch.Tensor) -> torch.Tensor:
    """Zero rotation, 0.6 m in front of the camera of the fits."""
    return Camera.at_origin(torch.tensor(700.0), SIZE).project(points + torch.tensor([0, 0, -0.6]))


def test_a_head_without_rotation_faces_the_camera() -> None:
    camera = Camera.at_origin(torch.tensor(700.0), SIZE)
    points_cam = camera.world_to_cam(torch.stack([NOSE, NECK]) + torch.tensor([0, 0, -0.6]))
    assert (points_cam[:, 2] > 0).all()
    assert points_cam[0, 2] < points_cam[1, 2]  # z forward: the nose is nearer
    left, right, crown, chin = _project(torch.stack([LEFT_EYE, RIGHT_EYE, CROWN, CHIN]))
    assert left[0] > right[0]  # the subject's left is on the right of an image that is not mirrored
    assert crown[1] < chin[1]  # y down in pixels
    assert left[1] == right[1]


def test_a_normal_that_points_to_the_viewer_has_negative_z() -> None:
    camera = Camera.at_origin(torch.tensor(700.0), SIZE)
    out_of_the_face = torch.tensor([0.0, 0, 1])
    assert (camera.T_cam_world[:3, :3] @ out_of_the_face)[2] == -1


def test_the_camera_keeps_orientation() -> None:
    """A rotation, not a mirror: triangles that are counter-clockwise from outside stay so."""
    assert torch.linalg.det(Camera.at_origin(torch.tensor(700.0), SIZE).T_cam_world) == pytest.approx(1)
    corners = torch.stack([RIGHT_EYE, CHIN, LEFT_EYE])  # seen from the front, counter-clockwise with y up
    a, b, c = _project(corners)
    doubled_area = (b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]
    assert doubled_area < 0  # y down turns the sign


def test_pixel_centres_are_at_half() -> None:
    image = np.zeros((7, 11, 3), np.uint8)
    image[2, 5] = 255  # row 2, column 5: centre (5.5, 2.5)
    one_pixel = Crop.square(torch.tensor([5.5, 2.5]), torch.tensor(1.0), 1).sample(image)
    assert one_pixel[0, 0].tolist() == [255, 255, 255]
    corner = Crop.square(torch.tensor([6.0, 3.0]), torch.tensor(1.0), 1).sample(image)
    assert corner[0, 0, 0] == pytest.approx(255 / 4, abs=2)  # where four pixels meet


def test_joints() -> None:
    assert JOINTS == ("root", "neck", "jaw", "left_eye", "right_eye")
    assert all(parent < joint for joint, parent in enumerate(PARENTS))
    assert [JOINTS[parent] for parent in PARENTS[1:]] == ["root", "neck", "neck", "neck"]
