"""What a crop shows of a head, and the way back, are exact."""

from __future__ import annotations

import torch

from shared.geometry.crop import Crop
from student.head.pose import FacePose, SightPose
from tests.student.heads import cameras, open_head, random_params

ANCHOR_M = torch.tensor([0.0, 0.03, 0.07])


def test_parameters_come_back_from_the_pose_of_the_face() -> None:
    params, camera, model = random_params(6, turn=0.6), cameras(6), open_head()
    pose = FacePose.of(params, camera, model, ANCHOR_M)
    found = pose.placed(params, camera, model, ANCHOR_M)
    verts = (model(params).verts_m, model(found).verts_m)
    assert (verts[0] - verts[1]).norm(dim=-1).max() < 2e-6


def test_the_pose_comes_back_from_any_crop() -> None:
    params, camera, model = random_params(5, seed=1), cameras(5), open_head()
    pose = FacePose.of(params, camera, model, ANCHOR_M)
    crop = Crop.square(torch.tensor([[250.0, 200.0]]).expand(5, 2), torch.tensor([210.0] * 5), 160)
    seen = camera.warped(crop.affine, crop.size)
    sight = SightPose.of(pose, seen.focal_px[:, 0], seen.center_px)
    back = sight.in_camera(seen.focal_px[:, 0], seen.center_px)
    assert torch.allclose(back.R_cam_face, pose.R_cam_face, atol=1e-5)
    assert torch.allclose(back.anchor_m, pose.anchor_m, atol=1e-5)


def test_a_face_looks_alike_along_every_line_of_sight() -> None:
    """Carried around the camera, a head turns with its line of sight and not against it."""
    pose = FacePose(torch.eye(3), torch.tensor([0.0, 0.0, 0.6]))
    angle = torch.tensor(0.35)
    around = torch.tensor([[angle.cos(), 0.0, angle.sin()], [0.0, 1.0, 0.0], [-angle.sin(), 0.0, angle.cos()]])
    carried = FacePose(around @ pose.R_cam_face, around @ pose.anchor_m)
    focal, center = torch.tensor(700.0), torch.zeros(2)
    assert torch.allclose(SightPose.of(carried, focal, center).R_sight_face, torch.eye(3), atol=1e-6)
