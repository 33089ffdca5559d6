"""Guessed heads, made better by landmarks."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from shared.config import RefineConfig
from shared.evaluate.metrics import vertex_error_mm
from shared.flame.assets import load_flame
from shared.flame.landmark_noise import load_landmark_noise
from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.model import FlameModel, local_rotations
from shared.flame.params import FlameParams
from shared.flame.points import FlamePoints
from shared.geometry.camera import Camera
from shared.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from shared.plugins.refine import CoefficientBasis, InitialHead, Refiner, load_refiner
from shared.runs.errors import UserError
from tests.teacher.test_fitter import face_error_mm, random_heads
from tests.tiny_head import tiny_head

D, E = 30, 15  # coefficients that are predicted


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


@pytest.fixture(scope="module")
def directions(model: FlameModel) -> CoefficientBasis:
    """Those that move the face most."""
    face = model.assets.region("face")
    shape, expression, _ = model.blendshapes[face].flatten(0, 1).split([model.n_shape, model.n_expression, 2], 1)
    moments = (shape.T @ shape, D), (expression.T @ expression, E)
    return CoefficientBasis(*(torch.linalg.eigh(moment).eigenvectors[:, -count:] for moment, count in moments))


@pytest.fixture(scope="module")
def refine(model: FlameModel, directions: CoefficientBasis) -> Refiner:
    return load_refiner(model, directions)


@pytest.fixture(scope="module")
def trusting(model: FlameModel, directions: CoefficientBasis) -> Refiner:
    """Who takes the landmarks to be exact."""
    return load_refiner(model, directions, RefineConfig(landmark_factor=0.6, distance_std=0.2))


def detected(model: FlameModel, params: FlameParams, camera: Camera) -> Tensor:
    """(B, 478, 2) where MediaPipe sees the landmarks of a head, without noise."""
    noise = load_landmark_noise(model.assets)
    assert noise is not None
    offset_m = noise.offset_m
    points = FlamePoints.from_embedding(model, model.assets.landmarks["mediapipe"], offset_m)
    return camera.project(points.pose(model.coefficients(params), local_rotations(params), params.translation).position)


def landmark_error(model: FlameModel, params: FlameParams, camera: Camera, landmarks_px: Tensor) -> Tensor:
    """(B,) over the distance of the outer eye corners."""
    right, left = OUTER_EYE_CORNERS
    off = (detected(model, params, camera) - landmarks_px).norm(dim=-1).mean(1)
    return off / (landmarks_px[:, right] - landmarks_px[:, left]).norm(dim=-1)


def initial_heads(
    model: FlameModel, directions: CoefficientBasis, batch: int, seed: int, std: float = 0.6
) -> tuple[FlameParams, InitialHead]:
    """Heads, and predictions of them whose errors are as large as they state."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator)

    truth, camera = random_heads(model, batch, seed, yaw_deg=40.0)
    turn = axis_angle_to_matrix(0.05 * randn(batch, 3))
    params = replace(
        truth,
        shape=truth.shape + std * randn(batch, D) @ directions.shape.T,
        expression=truth.expression + std * randn(batch, E) @ directions.expression.T,
        global_rot=matrix_to_axis_angle(turn @ axis_angle_to_matrix(truth.global_rot)),
        jaw=truth.jaw + 0.03 * randn(batch, 3),
        translation=truth.translation + torch.tensor([0.005, 0.005, 0.03]) * randn(batch, 3),
    )
    one = torch.ones(batch, 1)
    return truth, InitialHead(
        params, camera, std * one.expand(-1, D), std * one.expand(-1, E), 0.03 * one.expand(-1, 3)
    )


def test_exact_landmarks_lead_from_a_guess_to_the_head(
    model: FlameModel, directions: CoefficientBasis, trusting: Refiner
) -> None:
    truth, initial = initial_heads(model, directions, 6, seed=0)
    landmarks = detected(model, truth, initial.camera)
    found = trusting(initial, landmarks, 10)
    assert landmark_error(model, initial.params, initial.camera, landmarks).min() > 0.05
    assert landmark_error(model, found, initial.camera, landmarks).max() < 0.006
    verts, unrefined, refined = (model(params).verts_m for params in (truth, initial.params, found))
    assert face_error_mm(model, refined, verts).mean() < 0.7 * face_error_mm(model, unrefined, verts).mean()
    assert vertex_error_mm(refined, verts).mean() < vertex_error_mm(unrefined, verts).mean()


def test_each_step_is_nearer_to_the_landmarks(
    model: FlameModel, directions: CoefficientBasis, trusting: Refiner
) -> None:
    truth, initial = initial_heads(model, directions, 4, seed=1)
    landmarks = detected(model, truth, initial.camera)
    errors = [
        landmark_error(model, trusting(initial, landmarks, steps), initial.camera, landmarks) for steps in (0, 1, 3)
    ]
    assert (errors[1] < 0.5 * errors[0]).all()
    assert (errors[2] <= errors[1] + 1e-4).all()


def test_no_step_leaves_the_guess(model: FlameModel, directions: CoefficientBasis, refine: Refiner) -> None:
    truth, initial = initial_heads(model, directions, 1, seed=2)
    found = refine(initial, detected(model, truth, initial.camera), 0)
    for name, value in vars(found).items():
        assert torch.equal(value, getattr(initial.params, name)), name


def test_what_the_guess_is_sure_of_stays(model: FlameModel, directions: CoefficientBasis, refine: Refiner) -> None:
    truth, initial = initial_heads(model, directions, 2, seed=3)
    landmarks = detected(model, truth, initial.camera)
    sure = replace(initial, shape_std=1e-4 * initial.shape_std)
    found = refine(sure, landmarks, 3)
    torch.testing.assert_close(found.shape, initial.params.shape, atol=1e-3, rtol=0)
    assert (found.expression - initial.params.expression).abs().max() > 0.05
    assert (found.translation - initial.params.translation).norm(dim=1).min() > 1e-3


def test_a_crop_is_as_good_as_the_picture(model: FlameModel, directions: CoefficientBasis, refine: Refiner) -> None:
    truth, initial = initial_heads(model, directions, 2, seed=4)
    landmarks = detected(model, truth, initial.camera)
    whole = refine(initial, landmarks, 3)
    affine = torch.tensor([[0.4, 0.0, 31.0], [0.0, 0.4, -12.0]])
    in_crop = replace(initial, camera=initial.camera.warped(affine.expand(2, 2, 3), (128, 128)))
    cropped = refine(in_crop, 0.4 * landmarks + affine[:, 2], 3)
    torch.testing.assert_close(model(cropped).verts_m, model(whole).verts_m, atol=2e-5, rtol=0)


def test_a_row_does_not_see_its_neighbours(model: FlameModel, directions: CoefficientBasis, refine: Refiner) -> None:
    truth, initial = initial_heads(model, directions, 3, seed=5)
    landmarks = detected(model, truth, initial.camera)
    together = model(refine(initial, landmarks, 3)).verts_m
    landmarks[0] += 100.0
    for row in (1, 2):
        alone = model(refine(initial[row : row + 1], landmarks[row : row + 1], 3)).verts_m
        torch.testing.assert_close(alone, together[row : row + 1], atol=1e-5, rtol=0)


def test_what_is_no_number_or_no_landmark_is_refused(
    model: FlameModel, directions: CoefficientBasis, refine: Refiner
) -> None:
    truth, initial = initial_heads(model, directions, 2, seed=6)
    landmarks = detected(model, truth, initial.camera)
    with pytest.raises(ValueError, match=r"landmarks_px is \(2, 468, 2\); it must be \(2, 478, 2\)"):
        refine(initial, landmarks[:, :468], 3)
    with pytest.raises(ValueError, match=r"landmarks_px is \(1, 478, 2\)"):
        refine(initial, landmarks[:1], 3)
    broken = landmarks.clone()
    broken[1, 7] = torch.nan
    with pytest.raises(ValueError, match="landmarks_px holds numbers that are not finite"):
        refine(initial, broken, 3)
    lost = replace(initial, params=replace(initial.params, jaw=initial.params.jaw * torch.inf))
    with pytest.raises(ValueError, match="jaw holds numbers that are not finite"):
        refine(lost, landmarks, 3)


def test_what_comes_back_can_be_worked_with(model: FlameModel, directions: CoefficientBasis, refine: Refiner) -> None:
    truth, initial = initial_heads(model, directions, 1, seed=7)
    found = refine(initial, detected(model, truth, initial.camera), 1)
    found.shape.requires_grad_()
    model(found).verts_m.sum().backward()
    assert found.shape.grad is not None


def test_a_refiner_that_is_not_there_is_named(
    model: FlameModel, directions: CoefficientBasis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"refine=teachr: give teacher, or package.* did you mean teacher"):
        load_refiner(model, directions, name="teachr")
    with pytest.raises(UserError, match="must take these arguments: model, directions, config"):
        load_refiner(model, directions, name="shared.evaluate.methods:mean_head")
    with pytest.raises(
        UserError, match=r"refine=teacher: directions are of \(300, 85\) codes, head 'tiny' has \(7, 5\)"
    ):
        load_refiner(FlameModel(tiny_head()), directions)
    monkeypatch.setitem(sys.modules, "teacher.fitting.refine", None)
    with pytest.raises(UserError, match=r"refine=teacher: there is no module teacher\.fitting\.refine"):
        load_refiner(model, directions)
