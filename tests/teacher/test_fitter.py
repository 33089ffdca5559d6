"""The landmark fit on heads whose parameters are known."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from shared.evaluate.metrics import vertex_error_mm
from shared.flame.assets import load_flame
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from teacher.config import FitConfig
from teacher.evidence.records import FaceEvidence
from teacher.fitting.fitter import HeadFitter
from teacher.registration.mesh import fit_vertices

# What a detector without noise would have; every code that landmarks can see is fitted.
EXACT = FitConfig(landmark_noise=1.0, basis_tolerance_m=1e-5, expression_tolerance_m=1e-5)


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


@pytest.fixture(scope="module")
def fitter(model: FlameModel) -> HeadFitter:
    return HeadFitter(model, FitConfig(), landmark_noise=LandmarkNoise.independent(478, 0.05))


def random_heads(model: FlameModel, batch: int, seed: int, yaw_deg: float = 60.0) -> tuple[FlameParams, Camera]:
    """Identities of 0.8 standard deviations, expressions, open jaws, gaze; 0.5 to 1 m away."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator)

    yaw = torch.deg2rad((torch.rand(batch, generator=generator) * 2 - 1) * yaw_deg)
    zero = torch.zeros(batch)
    turn = axis_angle_to_matrix(torch.stack([0.15 * randn(batch), zero, 0.1 * randn(batch)], 1))
    rotation = turn @ axis_angle_to_matrix(torch.stack([zero, yaw, zero], 1))
    distance = 0.5 + 0.5 * torch.rand(batch, generator=generator)
    params = FlameParams(
        shape=0.8 * randn(batch, model.n_shape),
        expression=0.6 * randn(batch, model.n_expression),
        global_rot=matrix_to_axis_angle(rotation),
        neck=0.05 * randn(batch, 3),
        jaw=torch.cat([0.15 * randn(batch, 1).abs(), 0.02 * randn(batch, 2)], 1),
        eyes=torch.cat([0.1 * randn(batch, 2, 2), torch.zeros(batch, 2, 1)], 2),
        translation=torch.cat([0.02 * randn(batch, 2), -distance[:, None]], 1),
        eyelids=0.2 * torch.rand(batch, 2, generator=generator),
    )
    return params, Camera.at_origin(800 * distance + 200, (512, 512))


def project_landmarks(model: FlameModel, params: FlameParams, camera: Camera) -> Tensor:
    embedding = model.assets.landmarks["mediapipe"]
    triangles = model(params).verts_m[:, model.faces[embedding.face_index]]
    return camera.project((triangles * embedding.barycentric[..., None]).sum(2))


def face_error_mm(model: FlameModel, verts: Tensor, truth: Tensor) -> Tensor:
    """(B,) mean distance of corresponding face vertices after rigid alignment."""
    face = model.assets.region("face")
    return vertex_error_mm(verts[:, face], truth[:, face])


@pytest.mark.slow
def test_exact_landmarks_are_met_and_the_face_is_near(model: FlameModel) -> None:
    params, camera = random_heads(model, 8, seed=1)
    result = HeadFitter(model, EXACT, landmark_noise=LandmarkNoise.independent(478, 2e-4)).fit(
        FaceEvidence(project_landmarks(model, params, camera), camera)
    )
    assert result.landmark_error.max() < 5e-4
    truth = model(params).verts_m
    error = face_error_mm(model, model(result.params).verts_m, truth)
    mean_head = face_error_mm(model, model(model.neutral_params(8)).verts_m, truth)
    assert error.mean() < 0.3 * mean_head.mean()


def test_noisy_landmarks_still_beat_the_mean_head_and_keep_its_size(model: FlameModel, fitter: HeadFitter) -> None:
    params, camera = random_heads(model, 16, seed=2)
    exact = project_landmarks(model, params, camera)
    places = fitter.landmarks.points.rest_positions()
    covariance = torch.exp(-torch.cdist(places, places) / 0.02) + 0.05 * torch.eye(len(places))
    noise = torch.linalg.cholesky(covariance) @ torch.randn(16, 478, 2, generator=torch.Generator().manual_seed(3))
    right, left = OUTER_EYE_CORNERS
    unit = (exact[:, right] - exact[:, left]).norm(dim=-1)
    result = fitter.fit(FaceEvidence(exact + 0.021 * unit[:, None, None] * noise, camera))
    truth = model(params).verts_m
    error = face_error_mm(model, model(result.params).verts_m, truth)
    mean_head = face_error_mm(model, model(model.neutral_params(16)).verts_m, truth)
    assert error.mean() < 0.85 * mean_head.mean()
    # One picture does not show the size: the prior must neither shrink nor swell heads on average.
    assert 0.060 < result.eye_distance_m.mean() < 0.066
    assert (result.code_rms < 1).all()


def test_a_row_does_not_depend_on_the_others(model: FlameModel, fitter: HeadFitter) -> None:
    params, camera = random_heads(model, 6, seed=4)
    evidence = FaceEvidence(project_landmarks(model, params, camera), camera)
    together = fitter.fit(evidence)
    for index in (0, 3):
        alone = fitter.fit(evidence[index : index + 1])
        difference = (model(alone.params).verts_m - model(together.params[index : index + 1]).verts_m).abs().max()
        assert difference < 1e-5
    order = torch.tensor([5, 2, 0, 1, 4, 3])
    shuffled = fitter.fit(evidence[order])
    torch.testing.assert_close(shuffled.params.shape, together.params.shape[order], atol=1e-3, rtol=0)


def test_hidden_side_hardly_counts(model: FlameModel) -> None:
    """On a head turned by 55 degrees, moving the far cheek's silhouette moves the fit less than the near one's."""
    noise = LandmarkNoise.independent(478, 0.05)
    fitter = HeadFitter(model, FitConfig(hidden_factor=5.0), landmark_noise=noise)
    params, camera = random_heads(model, 1, seed=5, yaw_deg=0)
    turned = replace(params, global_rot=torch.tensor([[0.0, 0.96, 0.0]]))
    exact = project_landmarks(model, turned, camera)
    plain = model(fitter.fit(FaceEvidence(exact, camera)).params).verts_m
    right_cheek, left_cheek = [234, 93, 132, 58, 172], [454, 323, 361, 288, 397]
    moved = []
    for cheek in (right_cheek, left_cheek):
        landmarks = exact.clone()
        landmarks[:, cheek, 1] += 12
        verts = model(fitter.fit(FaceEvidence(landmarks, camera)).params).verts_m
        moved.append(float(face_error_mm(model, verts, plain)))
    # A positive turn about y shows the subject's right side.
    assert moved[1] < 0.5 * moved[0]


def test_dense_vertices_recover_every_coefficient(model: FlameModel) -> None:
    params, _ = random_heads(model, 2, seed=6)
    truth = model(params).verts_m
    found = model(fit_vertices(model, truth)).verts_m
    assert (found - truth).norm(dim=-1).mean() < 1e-4


def test_bad_evidence_is_refused(model: FlameModel, fitter: HeadFitter) -> None:
    params, camera = random_heads(model, 1, seed=7)
    landmarks = project_landmarks(model, params, camera)
    with pytest.raises(ValueError, match=r"it must be \(B, 478, 2\)"):
        fitter.fit(FaceEvidence(landmarks[:, :468], camera))
    landmarks[0, 3, 1] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        fitter.fit(FaceEvidence(landmarks, camera))
