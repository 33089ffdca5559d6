"""The fit to dense evidence on heads whose parameters are known."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.meshes import vertex_normals
from teacher.config import DenseConfig, FitConfig
from teacher.evidence.records import DenseEvidence, FaceEvidence
from teacher.fitting.clip import windows
from teacher.fitting.fitter import HeadFitter, ParameterSharing
from teacher.prior.networks.vertices import spread_vertices
from teacher.solver.structure import Structure
from tests.teacher.test_fitter import face_error_mm, project_landmarks, random_heads

EXACT = FitConfig(
    landmark_noise=1.0,
    basis_tolerance_m=1e-5,
    dense=DenseConfig(
        stride=1,
        pixel_factor=1.0,
        pixel_std=2e-4,
        pixel_bias_std=0.0,
        normal_bias_std=0.0,
        normal_turn_std=0.0,
        normal_factor=1.0,
        normal_std=0.05,
    ),
)


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


@pytest.fixture(scope="module")
def vertices(model: FlameModel) -> Tensor:
    return spread_vertices(model.assets, 400)


def exact_evidence(model: FlameModel, vertices: Tensor, params: FlameParams, camera: Camera) -> FaceEvidence:
    """What a perfect prior would say: vertices that face the camera are seen."""
    verts = model(params).verts_m
    normals = vertex_normals(verts, model.faces)[:, vertices]
    places = verts[:, vertices]
    towards = -torch.nn.functional.normalize(places - camera_centre(camera), dim=-1)
    seen = (normals * towards).sum(-1) > 0.1
    nothing = torch.full(seen.shape, torch.inf)
    dense = DenseEvidence(
        pixel_px=camera.project(places),
        pixel_std_px=torch.where(seen, 0.0, nothing),
        normal=normals,
        normal_std=torch.where(seen, 0.0, nothing),
    )
    return FaceEvidence(project_landmarks(model, params, camera), camera, dense)


def camera_centre(camera: Camera) -> Tensor:
    rotation, translation = camera.T_cam_world[:, :3, :3], camera.T_cam_world[:, :3, 3]
    return -(rotation.transpose(1, 2) @ translation[..., None])[:, None, :, 0]


@pytest.mark.slow
def test_exact_maps_give_the_exact_head(model: FlameModel, vertices: Tensor) -> None:
    params, camera = random_heads(model, 6, seed=11)
    fitter = HeadFitter(model, EXACT, vertices, landmark_noise=LandmarkNoise.independent(478, 0.0002))
    result = fitter.fit(exact_evidence(model, vertices, params, camera))
    assert face_error_mm(model, model(result.params).verts_m, model(params).verts_m).mean() < 0.15


@pytest.mark.slow
def test_normals_alone_shape_the_face(model: FlameModel, vertices: Tensor) -> None:
    """Beside landmarks with noise: normals lower the error by a quarter at least."""
    params, camera = random_heads(model, 6, seed=12)
    evidence = exact_evidence(model, vertices, params, camera)
    noise = 3 * torch.randn(evidence.landmarks_px.shape, generator=torch.Generator().manual_seed(0))
    assert evidence.dense is not None
    blind = replace(evidence.dense, pixel_std_px=torch.full_like(evidence.dense.pixel_std_px, torch.inf))
    config = FitConfig(dense=DenseConfig(normal_bias_std=0.0, normal_turn_std=0.0, normal_std=0.05))
    wide = LandmarkNoise.independent(478, 0.1)
    truth = model(params).verts_m
    errors = []
    for dense in (None, blind):
        seen = replace(evidence, landmarks_px=evidence.landmarks_px + noise, dense=dense)
        fitter = HeadFitter(model, config, None if dense is None else vertices, landmark_noise=wide)
        errors.append(face_error_mm(model, model(fitter.fit(seen).params).verts_m, truth).mean())
    assert errors[1] < 0.75 * errors[0]


@pytest.mark.slow
def test_three_known_views_of_a_moment_beat_one(model: FlameModel, vertices: Tensor) -> None:
    params, _ = random_heads(model, 1, seed=13, yaw_deg=5)
    heads = FlameParams(**{name: value.expand(3, *value.shape[1:]) for name, value in vars(params).items()})
    turn = torch.deg2rad(torch.tensor([-45.0, 0.0, 45.0]))
    middle = params.translation[0]
    poses = []
    for angle in turn:
        rotation = torch.tensor([[angle.cos(), 0, angle.sin()], [0, 1, 0], [-angle.sin(), 0, angle.cos()]])
        flip = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
        pose = torch.eye(4)
        pose[:3, :3] = flip @ rotation
        pose[:3, 3] = flip @ (middle - rotation @ middle)  # about the head
        poses.append(pose)
    camera = Camera.at_origin(torch.full((3,), 900.0), (512, 512))
    camera = replace(camera, T_cam_world=torch.stack(poses))
    evidence = exact_evidence(model, vertices, heads, camera)
    noise = 4 * torch.randn(evidence.landmarks_px.shape, generator=torch.Generator().manual_seed(1))
    evidence = replace(evidence, landmarks_px=evidence.landmarks_px + noise, dense=None)
    config = FitConfig(landmark_noise=1.0)
    fitter = HeadFitter(model, config, landmark_noise=LandmarkNoise.independent(478, 0.045))
    together = fitter.fit_together(evidence, ParameterSharing(Structure.of_one(torch.zeros(3, dtype=torch.int64))))
    alone = fitter.fit(evidence[1:2])
    truth = model(params).verts_m
    errors = [face_error_mm(model, model(one.params[:1]).verts_m, truth) for one in (together, alone)]
    assert float(errors[0]) < 0.8 * float(errors[1])
    torch.testing.assert_close(together.params.expression[0], together.params.expression[2])


def test_windows_cover_every_frame_once() -> None:
    for count in (1, 10, 128, 129, 500):
        decided = [row for _, kept in windows(count, 128, 24) for row in range(kept.start, kept.stop)]
        assert decided == list(range(count))
        assert all(window.start <= kept.start < kept.stop <= window.stop for window, kept in windows(count, 128, 24))
        assert max(window.stop - window.start for window, _ in windows(count, 128, 24)) <= 128
