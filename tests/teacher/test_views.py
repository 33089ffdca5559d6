"""Several pictures of one person."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shared.config import ObserveConfig
from shared.export.npz import read_params
from shared.flame.assets import load_flame
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.geometry.rotation import axis_angle_to_matrix
from shared.images.decode import Frame
from shared.runs.errors import UserError
from teacher.config import FitConfig, FitViewsConfig
from teacher.evidence.records import FaceEvidence
from teacher.fitting.fitter import HeadFitter
from teacher.observation.face import observe
from teacher.runs.views import View, fit_views, sharing_of, with_cameras
from tests.teacher.fakes import FakeDetector, fake_tools, make_photos
from tests.teacher.test_fitter import face_error_mm, project_landmarks, random_heads

POSE = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


def around(camera: Camera, yaw: list[float], middle: torch.Tensor) -> Camera:
    """Cameras (N) that are turned about a point of the world (3,)."""
    turn = axis_angle_to_matrix(torch.tensor([[0.0, one, 0.0] for one in yaw]))
    T = torch.eye(4).repeat(len(yaw), 1, 1)
    T[:, :3, :3], T[:, :3, 3] = turn, middle - turn @ middle
    return replace(camera, T_cam_world=camera.T_cam_world @ T)


def three_views(model: FlameModel) -> tuple[FaceEvidence, torch.Tensor]:
    """Landmarks of a head from three sides, and its vertices (3, V, 3); 60 degrees between the outer ones."""
    params, camera = random_heads(model, 1, seed=5, yaw_deg=10.0)
    three = torch.zeros(3, dtype=torch.int64)
    params, camera = params[three], camera[three]
    verts = model(params).verts_m
    cameras = around(camera, [0.0, 0.5, -0.5], verts[0].mean(0))
    return FaceEvidence(project_landmarks(model, params, cameras), cameras), verts


@pytest.mark.parametrize("known", [True, False])
def test_three_views_of_a_moment_beat_one(model: FlameModel, known: bool) -> None:
    fitter = HeadFitter(model, FitConfig(), landmark_noise=LandmarkNoise.independent(N_MEDIAPIPE, 0.05))
    evidence, verts = three_views(model)
    one = fitter.fit(evidence[:1])
    if not known:
        apart = evidence.camera.T_cam_world[:1].expand(3, 4, 4)
        evidence = replace(evidence, camera=replace(evidence.camera, T_cam_world=apart))
    three = fitter.fit_together(evidence, sharing_of(3, one_moment=True, known_cameras=known, device=CPU))
    errors = [float(face_error_mm(model, model(found.params).verts_m[:1], verts[:1])) for found in (one, three)]
    assert errors[1] < (0.5 if known else 0.9) * errors[0]
    for name in ("shape", "expression", "jaw"):
        values = getattr(three.params, name)
        torch.testing.assert_close(values, values[:1].expand_as(values), atol=1e-6, rtol=0)
    assert torch.equal(three.params.global_rot[0], three.params.global_rot[1]) == known


def test_points_that_a_side_camera_sees_are_trusted(model: FlameModel) -> None:
    """A landmark is hidden by where its camera stands, not by where the first one does."""
    evidence, _ = three_views(model)
    fitter = HeadFitter(model, FitConfig(), landmark_noise=LandmarkNoise.independent(N_MEDIAPIPE, 0.05))
    turned = fitter._first_pose(evidence).view.facing
    apart = replace(evidence.camera, T_cam_world=evidence.camera.T_cam_world[:1].expand(3, 4, 4))
    torch.testing.assert_close(
        turned, fitter._first_pose(replace(evidence, camera=apart)).view.facing, atol=1e-3, rtol=0
    )


def test_photos_share_the_identity_alone(model: FlameModel) -> None:
    fitter = HeadFitter(model, FitConfig(), landmark_noise=LandmarkNoise.independent(N_MEDIAPIPE, 0.05))
    params, camera = random_heads(model, 4, seed=1)
    params = replace(params, shape=params.shape[:1].expand(4, -1))
    evidence = FaceEvidence(project_landmarks(model, params, camera), camera)
    found = fitter.fit_together(evidence, sharing_of(4, one_moment=False, known_cameras=False, device=CPU)).params
    torch.testing.assert_close(found.shape, found.shape[:1].expand_as(found.shape), atol=1e-6, rtol=0)
    assert not torch.equal(found.expression[0], found.expression[1])


def views() -> list[View]:
    image = np.full((120, 160, 3), 90, np.uint8)
    frames = [Frame(image, f"{name}.jpg", "") for name in ("left", "right")]
    return [View(frame, observe(frame, FakeDetector(), ObserveConfig(crop_size=64))[0]) for frame in frames]


def entry(**changes: Any) -> dict[str, Any]:
    return {"focal_px": [200, 201], "center_px": [80, 60], "T_cam_world": POSE.tolist(), **changes}


def test_cameras_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "cameras.json"
    path.write_text(json.dumps({"left.jpg": entry(), "right.jpg": entry(focal_px=[300, 300])}))
    left, right = with_cameras(views(), path)
    assert left.face.camera.focal_px.tolist() == [200, 201]
    assert right.face.camera.focal_px.tolist() == [300, 300]
    assert torch.equal(left.face.camera.T_cam_world, POSE)
    assert left.face.camera.size == (120, 160)
    assert left.face.focal_source == "given"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        (json.dumps({"left.jpg": entry()}), "says nothing of right.jpg"),
        (json.dumps({"left.jpg": entry(focal_px=[200]), "right.jpg": entry()}), "focal_px of left.jpg"),
        (json.dumps({"left.jpg": entry(focal_px=[200, -1]), "right.jpg": entry()}), "must be positive"),
        (json.dumps({"left.jpg": entry(center_px="x"), "right.jpg": entry()}), "center_px of left.jpg"),
        (json.dumps({"left.jpg": entry(), "right.jpg": entry(T_cam_world=(2 * POSE).tolist())}), "right.jpg must be a"),
        (json.dumps({"left.jpg": entry(), "right.jpg": entry(T_cam_world=(-POSE).tolist())}), "right.jpg must be a"),
    ],
)
def test_cameras_that_cannot_be_used_are_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "cameras.json"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        with_cameras(views(), path)


def test_a_folder_of_one_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_photos(tmp_path / "photos", 3)
    Image.new("RGB", (160, 120)).save(tmp_path / "photos" / "0001.jpg")  # black: no face
    config = FitViewsConfig(inputs=str(tmp_path / "photos"), out=str(tmp_path / "out"), crop_size=64)
    files = fit_views(config, fake_tools())
    assert "left out: 0001.jpg: no face was found" in capsys.readouterr().out
    assert all(path.is_file() for path in files)
    params, _ = read_params(tmp_path / "out" / "params.npz")
    assert len(params.jaw) == 2
    with np.load(tmp_path / "out" / "params.npz", allow_pickle=False) as arrays:
        assert arrays["picture"].tolist() == ["0000.jpg", "0002.jpg"]


def test_one_face_is_not_enough(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", 1)
    config = FitViewsConfig(inputs=str(tmp_path / "photos"), out=str(tmp_path / "out"), crop_size=64)
    with pytest.raises(UserError, match="1 of 1 pictures show a face; needed are two"):
        fit_views(config, fake_tools())
