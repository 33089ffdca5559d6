"""What was measured of the landmarker belongs to its head, is the same on both sides, and is read as a covariance."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.flame.assets import load_flame
from shared.flame.blendshape_response import load_blendshape_response
from shared.flame.landmark_noise import LandmarkNoise, load_landmark_noise
from shared.flame.landmarks import FACE_OVAL, LEFT_IRIS, N_MEDIAPIPE, RIGHT_IRIS
from shared.flame.mediapipe_mesh import mediapipe_mirror


@pytest.fixture(scope="module")
def noise() -> LandmarkNoise:
    found = load_landmark_noise(load_flame())
    assert found is not None, "measure it anew: teacher/landmark_noise.py"
    return found


def test_it_is_the_same_on_both_sides(noise: LandmarkNoise) -> None:
    partner, flip = mediapipe_mirror(), torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(noise.offset_m[partner] * flip, noise.offset_m, atol=5e-4, rtol=0)
    torch.testing.assert_close(noise.yaw_rad, -noise.yaw_rad.flip(0))
    torch.testing.assert_close(noise.std.flip(0)[:, partner], noise.std, atol=1e-3, rtol=0.05)
    torch.testing.assert_close(noise.mean.flip(0)[:, partner] * flip[:2], noise.mean, atol=2e-3, rtol=0)


def test_it_is_of_a_size_that_a_landmarker_can_have(noise: LandmarkNoise) -> None:
    assert noise.offset_m.shape == (N_MEDIAPIPE, 3)
    assert 0.001 < noise.offset_m.norm(dim=1).mean() < 0.006
    total = noise.at(torch.zeros(1))
    deviation = (total.fields.square().sum((2, 3)) + 2 * total.std**2).sqrt()[0]
    assert 0.01 < deviation.mean() < 0.08
    assert 1.5 * deviation[list(LEFT_IRIS + RIGHT_IRIS)].mean() < deviation[list(FACE_OVAL)].mean()


def test_errors_grow_as_a_face_turns_away(noise: LandmarkNoise) -> None:
    size = noise.at(torch.tensor([0.0, 0.9])).fields.square().sum((1, 2, 3))
    assert size[1] > 1.5 * size[0]


def test_between_measured_yaws_the_covariance_is_interpolated(noise: LandmarkNoise) -> None:
    low, high = noise.yaw_rad[-2:].tolist()
    at = noise.at(torch.tensor([low, (low + high) / 2, high, high + 1]))
    covariance = at.fields.flatten(1, 2) @ at.fields.flatten(1, 2).transpose(1, 2)
    torch.testing.assert_close(covariance[1], (covariance[0] + covariance[2]) / 2, atol=1e-7, rtol=1e-4)
    torch.testing.assert_close(covariance[3], covariance[2])
    torch.testing.assert_close(at.mean[1], (at.mean[0] + at.mean[2]) / 2)


def test_another_version_of_a_head_has_none() -> None:
    assets = load_flame()
    assert load_landmark_noise(replace(assets, v_template=1.01 * assets.v_template)) is None
    assert load_blendshape_response(replace(assets, v_template=1.01 * assets.v_template)) is None


def test_rows_follow_the_landmarks_asked_for(noise: LandmarkNoise) -> None:
    some = noise.points(torch.tensor([33, 4, 263]))
    torch.testing.assert_close(some.at(torch.tensor([0.3])).std, noise.at(torch.tensor([0.3])).std[:, [33, 4, 263]])


def test_what_is_assumed_of_an_unmeasured_head_ties_neighbours() -> None:
    places = torch.tensor([[0.0, 0.0, 0.0], [0.002, 0.0, 0.0], [0.09, 0.0, 0.0]])
    at = LandmarkNoise.assumed(places, 0.09).at(torch.zeros(1))
    covariance = (at.fields[0, :, 0] @ at.fields[0, :, 0].T) + torch.diag(at.std[0] ** 2)
    assert covariance[0, 1] > 5 * covariance[0, 2] > 0


def test_blinks_and_smiles_are_read_and_frowns_are_not() -> None:
    assets = load_flame()
    response = load_blendshape_response(assets)
    assert response is not None
    assert assets.arkit is not None
    used = {name for name, std in zip(assets.arkit.names, response.std.isfinite(), strict=True) if std}
    assert {"eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthSmileLeft", "mouthSmileRight"} <= used
    assert not used & {"mouthFrownLeft", "mouthFrownRight", "browDownLeft", "browDownRight"}
