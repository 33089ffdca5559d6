"""The experiment of a single person: its figures are those of the pixels with truth, and the whole of it runs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from shared.runs.errors import UserError
from teacher.config import CompactConfig, OverfitConfig
from teacher.prior.records import PriorInput, PriorMaps, PriorPrediction, PriorSample, PriorTarget
from teacher.prior.training.overfit import FIGURES, SHEET, OverfitFigures, judge, overfit

SIZE = 8


def random_sample(seed: int) -> PriorSample:
    image = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
    full = torch.ones(SIZE, SIZE, dtype=torch.bool)
    target = PriorTarget(
        normal=torch.nn.functional.normalize(image - 0.5, dim=0),
        normal_mask=full,
        uv=image[:2],
        uv_mask=full,
        hidden=torch.zeros_like(full),
        part=torch.full((SIZE, SIZE), 1, dtype=torch.uint8),
        points_px=torch.zeros(0, 2),
        points_visible=torch.zeros(0, dtype=torch.bool),
        points_known=torch.zeros(0, dtype=torch.bool),
        px_per_m=torch.tensor(1000.0),
    )
    maps = torch.zeros(6, SIZE // 2, SIZE // 2)
    return PriorSample(PriorInput(image, torch.zeros(478, 2), maps, torch.tensor(False)), target, torch.tensor(seed))


def turned(sample: PriorSample, degrees: float, uv: float) -> PriorPrediction:
    """The truth with its normals turned by an angle and its UV moved."""
    x, y, z = sample.target.normal
    across = torch.nn.functional.normalize(torch.stack([-y, x, torch.zeros_like(z)]), dim=0)
    angle = math.radians(degrees)
    normal = sample.target.normal * math.cos(angle) + across * math.sin(angle)
    return PriorPrediction(PriorMaps("crop", normal, None, sample.target.uv + torch.tensor([uv, 0.0])[:, None, None]))


def test_figures_are_means_over_the_pixels_with_truth() -> None:
    samples = [random_sample(0), random_sample(1)]
    half = samples[1].target.normal_mask.clone()
    half[4:] = False
    samples[1] = replace(samples[1], target=replace(samples[1].target, normal_mask=half, uv_mask=half))
    figures = judge([turned(samples[0], 3.0, 0.01), turned(samples[1], 6.0, 0.04)], samples)
    assert figures.normal_deg == pytest.approx(4.0, abs=1e-3)
    assert figures.uv == pytest.approx(0.02, abs=1e-5)


def test_what_is_not_predicted_has_no_figure() -> None:
    sample = random_sample(0)
    only_uv = PriorPrediction(PriorMaps("crop", uv=sample.target.uv))
    assert judge([only_uv], [sample]) == OverfitFigures(None, 0.0)


@pytest.mark.slow
def test_the_experiment_runs_and_learns(tmp_path: Path) -> None:
    compact = CompactConfig(size=64, points=0)
    config = OverfitConfig(out=str(tmp_path), views=2, batch_size=2, steps=40, compact=compact, device="cpu")
    figures = overfit(config)
    assert figures.normal_deg is not None
    assert figures.normal_deg < 45
    assert json.loads((tmp_path / FIGURES).read_text())["normal_deg"] == figures.normal_deg
    assert (tmp_path / SHEET).exists()
    assert (tmp_path / "weights.safetensors").exists()
    with pytest.raises(UserError, match="views was 2 and is 3"):
        overfit(replace(config, views=3))
