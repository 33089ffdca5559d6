"""Photos judged by MediaPipe's landmarks: what agrees, what does not, what is no photo of a face."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch.nn import functional

from shared.flame.assets import load_flame
from shared.flame.landmarks import FACE_OVAL
from shared.flame.schema import FlameAssets
from shared.geometry.face_crop import face_crop
from shared.geometry.rotation import axis_angle_to_matrix
from shared.images.decode import Frame, ImageError
from teacher.prior.evaluation.photos import judge_photos, landmark_errors, readers, visible_landmarks
from teacher.prior.geometry.crops import prior_input
from teacher.prior.geometry.landmark_maps import LandmarkMapper
from teacher.prior.geometry.surface import HeadSurface
from teacher.prior.records import PriorInput, PriorMaps, PriorPrediction
from tests.teacher.fakes import FakeDetector

SIZE = 256


@cache
def head() -> tuple[FlameAssets, LandmarkMapper, HeadSurface]:
    """The open head."""
    assets = load_flame()
    return assets, LandmarkMapper.of(assets), HeadSurface.of(assets)


def turned_head(yaw_deg: float) -> PriorInput:
    """The template's landmarks, seen from far away."""
    assets, mapper, _ = head()
    places = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces)
    turn = axis_angle_to_matrix(torch.deg2rad(torch.tensor([0.0, yaw_deg, 0.0])))
    x, y, _ = ((places - places.mean(0)) @ turn.T).unbind(-1)
    landmarks = 200 + 900 * torch.stack([x, -y], -1)
    return prior_input(np.zeros((400, 400, 3), np.uint8), face_crop(landmarks, SIZE), landmarks, mapper)


def answer(inputs: PriorInput, step: float) -> PriorPrediction:
    """What the landmarks say, moved along u."""
    coarse = functional.interpolate(inputs.landmark_maps[None, :2], scale_factor=2, mode="bilinear")[0]
    uv = coarse + torch.tensor([step, 0.0])[:, None, None]
    return PriorPrediction(PriorMaps("crop", uv=uv, uv_log_var=torch.full((SIZE, SIZE), -9.0)))


def test_a_map_that_agrees_and_one_that_is_off() -> None:
    _, mapper, surface = head()
    inputs = turned_head(10.0)
    right = landmark_errors(answer(inputs, 0.0), inputs, mapper, surface)
    wrong = landmark_errors(answer(inputs, 0.01), inputs, mapper, surface)
    assert len(right.error) > 300
    assert float(right.error.median()) < 0.7  # what is between the maps' pixels
    assert 6 < float(wrong.error.median()) < 9.5  # 0.01 in u
    assert float(wrong.sigma[0]) == pytest.approx(np.exp(-4.5), rel=1e-4)


def test_only_landmarks_that_one_sees_count() -> None:
    _, mapper, _ = head()
    front, side = (set(visible_landmarks(turned_head(yaw), mapper).tolist()) for yaw in (0.0, 70.0))
    assert not front & set(FACE_OVAL)
    assert {33, 263, 1, 61, 291} <= front
    assert 33 in side
    assert 263 not in side  # the head turns to its left, away from the camera
    cut = turned_head(0.0)
    shifted = replace(cut, landmarks_px=cut.landmarks_px + torch.tensor([SIZE / 2, 0.0]))
    assert len(visible_landmarks(shifted, mapper)) < 0.7 * len(front)


def test_bad_photos_are_listed_and_the_rest_is_judged() -> None:
    def broken() -> Frame:
        raise ImageError("b.jpg", "truncated")

    def predict(inputs: Iterable[PriorInput]) -> Iterator[PriorPrediction]:
        return (answer(one, 0.0 if bool(one.has_landmarks) else 0.01) for one in inputs)

    _, mapper, surface = head()
    grey, black = np.full((90, 120, 3), 128, np.uint8), np.zeros((90, 120, 3), np.uint8)
    photos = {"a": lambda: Frame(grey, "a", "a"), "b": broken, "c": lambda: Frame(black, "c", "c")}
    report = judge_photos(photos, predict, FakeDetector(), mapper, surface, SIZE, quiet=True)
    assert [one.id for one in report.judged] == ["a"]
    assert report.bad == (("b", "truncated"), ("c", "MediaPipe finds no face"))
    text = "\n".join(report.lines())
    assert "b: truncated" in text
    json.dumps(report.record(), allow_nan=False)
    assert "without" in text


def test_the_astronaut_is_there_without_any_folder() -> None:
    astronaut = next(iter(readers([]).values()))()
    assert astronaut.size == (512, 512)
