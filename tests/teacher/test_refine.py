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
from shared.plugins.refine import Directions, HeadGuess, Refiner, load_refiner
from shared.runs.errors import UserError
from tests.teacher.test_fitter import face_error_mm, random_heads
from tests.tiny_head import tiny_head

D, E = 30, 15  # directions of the guess


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


@pytest.fixture(scope="module")
def directions(model: FlameModel) -> Directions:
    """Those that move the face most."""
    face = model.assets.region("face")
    shape, expression, _ = model.blendshapes[face].flatten(0, 1).split([model.n_shape, model.n_expression, 2], 1)
    moments = (shape.T @ shape, D), (expression.T @ expression, E)
    return Directions(*(torch.linalg.eigh(moment).eigenvectors[:, -count:] for moment, count in moments))


@pytest.fixture(scope="module")
def refine(model: FlameModel, directions: Directions) -> Refiner:
    return load_refiner(model, directions)


@pytest.fixture(scope="module")
def trusting(model: FlameModel, directions: Directions) -> Refiner:
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


def guesses(
    model: FlameModel, directions: Directions, batch: int, seed: int, std: float = 0.6
) -> tuple[FlameParams, HeadGuess]:
    """Heads, and guesses of them that are off by as much as they say."""
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
    return truth, HeadGuess(params, camera, std * one.expand(-1, D), std * one.expand(-1, E), 0.03 * one.expand(-1, 3))


def test_exact_landmarks_lead_from_a_guess_to_the_head(
    model: FlameModel, directions: Directions, trusting: Refiner
) -> None:
    truth, guess = guesses(model, directions, 6, seed=0)
    landmarks = detected(model, truth, guess.camera)
    found = trusting(guess, landmarks, 10)
    assert landmark_error(model, guess.params, guess.camera, landmarks).min() > 0.05
    assert landmark_error(model, found, guess.camera, landmarks).max() < 0.006
    verts, guessed, refined = (model(params).verts_m for params in (truth, guess.params, found))
    assert face_error_mm(model, refined, verts).mean() < 0.7 * face_error_mm(model, guessed, verts).mean()
    assert vertex_error_mm(refined, verts).mean() < vertex_error_mm(guessed, verts).mean()


def test_each_step_is_nearer_to_the_landmarks(model: FlameModel, directions: Directions, trusting: Refiner) -> None:
    truth, guess = guesses(model, directions, 4, seed=1)
    landmarks = detected(model, truth, guess.camera)
    errors = [landmark_error(model, trusting(guess, landmarks, steps), guess.camera, landmarks) for steps in (0, 1, 3)]
    assert (errors[1] < 0.5 * errors[0]).all()
    assert (errors[2] <= errors[1] + 1e-4).all()


def test_no_step_leaves_the_guess(model: FlameModel, directions: Directions, refine: Refiner) -> None:
    truth, guess = guesses(model, directions, 1, seed=2)
    found = refine(guess, detected(model, truth, guess.camera), 0)
    for name, value in vars(found).items():
        assert torch.equal(value, getattr(guess.params, name)), name


def test_what_the_guess_is_sure_of_stays(model: FlameModel, directions: Directions, refine: Refiner) -> None:
    truth, guess = guesses(model, directions, 2, seed=3)
    landmarks = detected(model, truth, guess.camera)
    sure = replace(guess, shape_std=1e-4 * guess.shape_std)
    found = refine(sure, landmarks, 3)
    torch.testing.assert_close(found.shape, guess.params.shape, atol=1e-3, rtol=0)
    assert (found.expression - guess.params.expression).abs().max() > 0.05
    assert (found.translation - guess.params.translation).norm(dim=1).min() > 1e-3


def test_a_crop_is_as_good_as_the_picture(model: FlameModel, directions: Directions, refine: Refiner) -> None:
    truth, guess = guesses(model, directions, 2, seed=4)
    landmarks = detected(model, truth, guess.camera)
    whole = refine(guess, landmarks, 3)
    affine = torch.tensor([[0.4, 0.0, 31.0], [0.0, 0.4, -12.0]])
    in_crop = replace(guess, camera=guess.camera.warped(affine.expand(2, 2, 3), (128, 128)))
    cropped = refine(in_crop, 0.4 * landmarks + affine[:, 2], 3)
    torch.testing.assert_close(model(cropped).verts_m, model(whole).verts_m, atol=2e-5, rtol=0)


def test_a_row_does_not_see_its_neighbours(model: FlameModel, directions: Directions, refine: Refiner) -> None:
    truth, guess = guesses(model, directions, 3, seed=5)
    landmarks = detected(model, truth, guess.camera)
    together = model(refine(guess, landmarks, 3)).verts_m
    landmarks[0] += 100.0
    for row in (1, 2):
        alone = model(refine(guess[row : row + 1], landmarks[row : row + 1], 3)).verts_m
        torch.testing.assert_close(alone, together[row : row + 1], atol=1e-5, rtol=0)


def test_what_is_no_number_or_no_landmark_is_refused(
    model: FlameModel, directions: Directions, refine: Refiner
) -> None:
    truth, guess = guesses(model, directions, 2, seed=6)
    landmarks = detected(model, truth, guess.camera)
    with pytest.raises(ValueError, match=r"landmarks_px is \(2, 468, 2\); it must be \(2, 478, 2\)"):
        refine(guess, landmarks[:, :468], 3)
    with pytest.raises(ValueError, match=r"landmarks_px is \(1, 478, 2\)"):
        refine(guess, landmarks[:1], 3)
    broken = landmarks.clone()
    broken[1, 7] = torch.nan
    with pytest.raises(ValueError, match="landmarks_px holds numbers that are not finite"):
        refine(guess, broken, 3)
    lost = replace(guess, params=replace(guess.params, jaw=guess.params.jaw * torch.inf))
    with pytest.raises(ValueError, match="jaw holds numbers that are not finite"):
        refine(lost, landmarks, 3)


def test_what_comes_back_can_be_worked_with(model: FlameModel, directions: Directions, refine: Refiner) -> None:
    truth, guess = guesses(model, directions, 1, seed=7)
    found = refine(guess, detected(model, truth, guess.camera), 1)
    found.shape.requires_grad_()
    model(found).verts_m.sum().backward()
    assert found.shape.grad is not None


def test_a_refiner_that_is_not_there_is_named(
    model: FlameModel, directions: Directions, monkeypatch: pytest.MonkeyPatch
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
