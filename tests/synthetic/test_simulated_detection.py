"""Simulated detections have the errors that were measured, and say what the face does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.flame.assets import load_flame
from shared.flame.landmark_errors import ExpectedErrors, RigidView
from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.model import FlameModel, local_rotations
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.rotation import axis_angle_to_matrix
from shared.landmarker.blendshapes import BLENDSHAPE_NAMES
from shared.records.tensor_record import stack
from shared.synthetic.simulated_detection import DetectionSimulator
from tests.tiny_head import tiny_head


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


def heads(model: FlameModel, count: int, yaw: float = 0.3) -> tuple[FlameParams, Camera]:
    neutral = model.neutral_params(count)
    turn, place = torch.tensor([0.0, yaw, 0.0]), torch.tensor([0.0, 0.0, -0.6])
    params = replace(neutral, global_rot=turn.expand(count, 3), translation=place.expand(count, 3))
    return params, stack([Camera.at_origin(torch.tensor(700.0), (512, 512))] * count)


def test_without_errors_points_are_where_the_landmarker_marks_them(model: FlameModel) -> None:
    params, camera = heads(model, 2)
    simulate = DetectionSimulator.of(model, factor=0)
    found = simulate(params, camera, torch.Generator().manual_seed(0))
    posed = simulate.points.pose(model.coefficients(params), local_rotations(params), params.translation).position
    # What is left is the mean error at this yaw, which is no chance.
    off = (found.landmarks_px - camera.project(posed)).norm(dim=-1)
    eyes = (found.landmarks_px[:, 33] - found.landmarks_px[:, 263]).norm(dim=-1)
    assert (off / eyes[:, None]).mean() < 0.02
    assert torch.equal(found.landmarks_px[0], found.landmarks_px[1])


def test_errors_have_the_covariance_that_was_measured(model: FlameModel) -> None:
    params, camera = heads(model, 1500)
    simulate = DetectionSimulator.of(model)
    found = simulate.of_many(params, camera, seed=1).landmarks_px
    rotation = axis_angle_to_matrix(params.global_rot[:1])
    view = RigidView.of(
        simulate.rest_m, OUTER_EYE_CORNERS, model.joints_template[0], rotation, params.translation[:1], camera[:1]
    )
    errors = ExpectedErrors.of(simulate.noise, view)
    fields = torch.cat([errors.picture_px, errors.person_px], -1)[0]
    expected = (fields.square().sum((1, 2)) + 2 * errors.std_px[0] ** 2).sqrt()
    drawn = (found - found.mean(0)).square().sum(-1).mean(0).sqrt()
    assert ((drawn / expected - 1).abs() < 0.15).float().mean() > 0.99
    # Neighbours err alike, as fields say: two points of the chin.
    a, b = (found[:, point] - found[:, point].mean(0) for point in (152, 148))
    shared = (fields[152] * fields[148]).sum() / (expected[152] * expected[148])
    assert float((a * b).sum(-1).mean() / (drawn[152] * drawn[148])) == pytest.approx(float(shared), abs=0.1)


def test_an_open_jaw_and_a_shut_eye_are_read(model: FlameModel) -> None:
    params, camera = heads(model, 400)
    arkit = model.assets.arkit
    assert arkit is not None
    unit = torch.zeros(len(arkit.names))
    unit[[arkit.names.index(name) for name in ("jawOpen", "eyeBlinkLeft")]] = 1
    acting = replace(
        params,
        expression=(arkit.expression @ unit).expand_as(params.expression),
        jaw=(arkit.jaw @ unit).expand_as(params.jaw),
    )
    simulate = DetectionSimulator.of(model)
    rest, act = (simulate.of_many(one, camera, seed=2).blendshapes.mean(0) for one in (params, acting))
    more = dict(zip(BLENDSHAPE_NAMES, (act - rest).tolist(), strict=True))
    assert more["jawOpen"] > 0.25
    assert more["eyeBlinkLeft"] > 0.2
    assert more["eyeBlinkLeft"] > 2 * abs(more["eyeBlinkRight"])


def test_a_seed_says_it_all(model: FlameModel) -> None:
    params, camera = heads(model, 3)
    simulate = DetectionSimulator.of(model)
    first, again, other = (simulate.of_many(params, camera, seed).landmarks_px for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first[0], first[1])


def test_a_head_that_was_not_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="not measured"):
        DetectionSimulator.of(FlameModel(tiny_head()))
