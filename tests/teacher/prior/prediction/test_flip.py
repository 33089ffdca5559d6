"""Flip averaging: what is symmetric stays, what differs is weighed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from teacher.prior.geometry.crops import crop_input
from teacher.prior.geometry.landmark_maps import LandmarkMapper
from teacher.prior.geometry.mirror import Mirror
from teacher.prior.prediction.flip import average, mirrored_input, mirrored_prediction
from teacher.prior.records import PriorMaps, PriorPoints, PriorPrediction

SIZE = 64


@pytest.fixture(scope="module")
def mirror() -> Mirror:
    return Mirror.of(load_flame())


def prediction(seed: int, n_points: int = 6) -> PriorPrediction:
    """Random, in a batch of 2; UV on the head's own chart, away from its rim."""
    generator = torch.Generator().manual_seed(seed)

    def rand(*shape: int) -> Tensor:
        return torch.rand(2, *shape, generator=generator)

    maps = PriorMaps(
        frame="crop",
        normal=torch.nn.functional.normalize(rand(3, SIZE, SIZE) - 0.5, dim=1),
        normal_log_var=rand(SIZE, SIZE) * 4 - 5,
        uv=0.35 + 0.3 * rand(2, SIZE, SIZE),
        uv_log_var=rand(SIZE, SIZE) * 4 - 9,
        part_logits=rand(9, SIZE, SIZE),
    )
    return PriorPrediction(maps, PriorPoints(rand(n_points, 2) * SIZE, rand(n_points), rand(n_points)))


def assert_close(a: PriorPrediction, b: PriorPrediction) -> None:
    for name in ("normal", "normal_log_var", "uv", "uv_log_var", "part_logits"):
        one, other = getattr(a.maps, name), getattr(b.maps, name)
        assert torch.allclose(one, other, atol=1e-4), name
    assert a.points is not None
    assert b.points is not None
    for name in ("pixel_px", "log_var", "visible_logit"):
        assert torch.allclose(getattr(a.points, name), getattr(b.points, name), atol=1e-4), name


def test_average_of_equal_predictions_is_that_prediction() -> None:
    assert_close(average(prediction(0), prediction(0)), prediction(0))


def test_twice_mirrored_is_the_prediction_itself(mirror: Mirror) -> None:
    partners = torch.tensor([1, 0, 2, 4, 3, 5])
    once = mirrored_prediction(prediction(1), mirror, partners, SIZE)
    assert not torch.allclose(once.maps.uv, prediction(1).maps.uv, atol=1e-2)  # type: ignore[arg-type]
    assert_close(mirrored_prediction(once, mirror, partners, SIZE), prediction(1))


def test_mirrored_values_are_those_of_the_mirrored_face(mirror: Mirror) -> None:
    given = prediction(2)
    back = mirrored_prediction(given, mirror, torch.tensor([1, 0, 2, 3, 4, 5]), SIZE)
    uv, normal = given.maps.uv, given.maps.normal
    assert uv is not None
    assert normal is not None
    assert torch.allclose(back.maps.uv[0, :, 5, 7], uv[0, :, 5, -8] * torch.tensor([-1, 1]) + torch.tensor([1, 0]))  # type: ignore[index]
    assert torch.equal(back.maps.normal[1, :, 9, 0], normal[1, :, 9, -1] * torch.tensor([-1, 1, 1]))  # type: ignore[index]
    assert torch.equal(back.points.pixel_px[0, 0, 0], SIZE - given.points.pixel_px[0, 1, 0])  # type: ignore[union-attr]
    assert torch.equal(back.points.pixel_px[0, 0, 1], given.points.pixel_px[0, 1, 1])  # type: ignore[union-attr]


def test_sure_predictions_count_more_and_disagreement_is_doubt() -> None:
    sure, doubtful = prediction(3), prediction(4)
    sure = replace(sure, maps=replace(sure.maps, uv_log_var=torch.full((2, SIZE, SIZE), math.log(1e-4))))
    doubtful = replace(doubtful, maps=replace(doubtful.maps, uv_log_var=torch.full((2, SIZE, SIZE), math.log(4e-4))))
    mixed, a, b = average(sure, doubtful).maps, sure.maps.uv, doubtful.maps.uv
    assert a is not None
    assert b is not None
    mean = 0.8 * a + 0.2 * b
    assert torch.allclose(mixed.uv, mean, atol=1e-6)  # type: ignore[arg-type]
    spread = 0.8 * (a - mean).square().sum(1) + 0.2 * (b - mean).square().sum(1)
    assert torch.allclose(mixed.uv_log_var.exp(), 1.6e-4 + spread, rtol=1e-3)  # type: ignore[union-attr]
    assert torch.allclose(mixed.normal.norm(dim=1), torch.ones(2, SIZE, SIZE), atol=1e-5)  # type: ignore[union-attr]


def test_networks_without_confidence_or_points_are_averaged_plainly() -> None:
    a, b = (PriorPrediction(PriorMaps("camera", uv=prediction(seed).maps.uv)) for seed in (5, 6))
    mixed = average(a, b)
    assert torch.allclose(mixed.maps.uv, (a.maps.uv + b.maps.uv) / 2)  # type: ignore[operator]
    assert mixed.maps.uv_log_var is None
    assert mixed.maps.normal is None
    assert mixed.points is None


def test_mirrored_input_is_that_of_the_mirrored_photo(mirror: Mirror) -> None:
    assets = load_flame()
    mapper = LandmarkMapper.of(assets)
    places = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces)
    landmarks = places[:, :2] * torch.tensor([260.0, -260.0]) + torch.tensor([30.0, 36.0])
    image = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), np.uint8)
    given = crop_input(image, landmarks, mapper)
    swapped = ((landmarks * torch.tensor([-1.0, 1.0])) + torch.tensor([SIZE, 0.0]))[mirror.landmarks]
    truth = crop_input(np.ascontiguousarray(image[:, ::-1]), swapped, mapper)
    made = mirrored_input(given, mirror)
    assert torch.equal(made.image, truth.image)
    assert torch.allclose(made.landmarks_px, truth.landmarks_px, atol=1e-4)
    assert (made.landmark_maps[5] != truth.landmark_maps[5]).float().mean() < 0.01
    difference = (made.landmark_maps - truth.landmark_maps)[:, (made.landmark_maps[5] * truth.landmark_maps[5]) > 0]
    assert difference[:2].abs().median() < 1e-3
    assert difference[2:5].abs().median() < 0.01
    hidden = mirrored_input(given.without_landmarks(), mirror)
    assert (hidden.landmarks_px == 0).all()
    assert (hidden.landmark_maps == 0).all()
