"""The metrics on the head that ships: what people are like passes, and what is planted is found."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from shared.config import QualityConfig
from shared.config.loading import load_config
from shared.flame.assets import load_flame
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.segmentation import FACE_PARTS
from shared.geometry.camera import Camera
from shared.quality.metrics import HeadMetrics
from shared.records.tensor_record import stack
from teacher.config import FitConfig, FitDatasetConfig
from teacher.evidence.records import DenseEvidence, FaceEvidence
from teacher.fitting.fitter import HeadFitter
from teacher.quality.part_confidence import HALF_STD, PartConfidence

LIMITS = QualityConfig()
RECIPE = Path(__file__).parents[2] / "configs" / "teacher" / "fit_dataset.yaml"


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


@pytest.fixture(scope="module")
def metrics(model: FlameModel) -> HeadMetrics:
    return HeadMetrics.of(model)


def people(model: FlameModel, count: int, expression: float = 1.0, jaw: float = 0.0) -> FlameParams:
    generator, neutral = torch.Generator().manual_seed(0), model.neutral_params(count)
    return replace(
        neutral,
        shape=torch.randn(neutral.shape.shape, generator=generator),
        expression=expression * torch.randn(neutral.expression.shape, generator=generator),
        jaw=torch.tensor([jaw, 0.0, 0.0]).expand(count, 3),
    )


def test_people_carry_no_expression(model: FlameModel, metrics: HeadMetrics) -> None:
    everyone = people(model, 400, jaw=0.2)
    reach = torch.tensor([metrics.leakage.reach(everyone[row]) for row in range(400)])
    assert (reach > LIMITS.drift).float().mean() < 0.01


def test_what_a_picture_tells_of_people_keeps_the_limit_of_datasets(model: FlameModel, metrics: HeadMetrics) -> None:
    """Fits to one picture have shape codes of 0.1 to 0.4 (rms)."""
    limit = load_config(FitDatasetConfig, [str(RECIPE), "inputs=a", "out=b"]).quality.drift
    assert limit <= LIMITS.drift
    everyone = people(model, 400, jaw=0.2)
    everyone = replace(everyone, shape=0.4 * everyone.shape)
    reach = torch.tensor([metrics.leakage.reach(everyone[row]) for row in range(400)])
    assert (reach > limit).float().mean() < 0.005


def test_a_fit_that_puts_the_open_mouth_into_the_identity_is_found(model: FlameModel, metrics: HeadMetrics) -> None:
    """The same landmarks, fitted with and without the freedom to move the jaw and the lips."""
    true = replace(people(model, 4, 0.5, jaw=0.3), translation=torch.tensor([0.0, 0.0, -0.6]).expand(4, 3))
    true = replace(true, shape=0.3 * true.shape)
    camera = Camera.at_origin(torch.tensor(900.0), (512, 512))
    with torch.no_grad():
        points = model.assets.landmarks["mediapipe"].positions(model(true).verts_m, model.faces)
    evidence = FaceEvidence(camera.project(points), stack([camera] * 4))
    noise = LandmarkNoise.independent(478, 0.02)  # these landmarks lie where the head has them
    trusting = FitConfig(landmark_noise=1.0)
    stiff = replace(trusting, expression_std=0.01, jaw_std=(0.002, 0.002, 0.002))
    for config, drifts in ((trusting, False), (stiff, True)):
        found = HeadFitter(model, config, landmark_noise=noise).fit(evidence).params
        reach = [metrics.leakage.reach(found[row]) for row in range(4)]
        assert [one > LIMITS.drift for one in reach] == [drifts] * 4, reach


def test_strong_expressions_stretch_little_and_wild_codes_much(model: FlameModel, metrics: HeadMetrics) -> None:
    laughing, wild = people(model, 16, 2.0, jaw=0.5), people(model, 16)
    wild = replace(wild, shape=10 * wild.shape)
    with torch.no_grad():
        for params, explodes in ((laughing, False), (wild, True)):
            verts = model(params).verts_m
            assert [metrics.mesh.stretched(one) > LIMITS.stretched for one in verts] == [explodes] * 16


def test_confidence_tells_which_parts_are_seen(model: FlameModel) -> None:
    """With landmarks alone by what faces the camera, with a network by what it says of its vertices."""
    camera, neutral = Camera.at_origin(torch.tensor(900.0), (512, 512)), model.neutral_params()
    posed = replace(
        neutral, translation=torch.tensor([0.0, 0.0, -0.6]), global_rot=torch.tensor([0.0, math.radians(70), 0.0])
    )
    with torch.no_grad():
        verts = model(posed).verts_m  # looks to its left: the camera sees the right side
    vertices = torch.arange(0, model.assets.n_vertices, 3)
    gauge = PartConfidence.of(model, vertices)
    by_mesh = dict(zip(FACE_PARTS, gauge.confidence(verts, camera, None, 100.0).tolist(), strict=True))
    assert by_mesh["right_cheek"] > 0.9 > 0.3 > by_mesh["left_cheek"]
    left = gauge.part[vertices] == FACE_PARTS.index("left_cheek")
    std_px = torch.where(left, torch.inf, 100 * HALF_STD)
    nothing = torch.zeros(len(vertices), 3)
    dense = DenseEvidence(nothing[:, :2], std_px, nothing, std_px)
    by_network = dict(zip(FACE_PARTS, gauge.confidence(verts, camera, dense, 100.0).tolist(), strict=True))
    assert by_network["left_cheek"] == 0
    assert by_network["nose"] == pytest.approx(0.5)
