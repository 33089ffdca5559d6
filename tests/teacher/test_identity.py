"""What pictures say of a person's identity: merged, trained, stored, and used by the fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.model import FlameModel
from shared.runs.errors import UserError
from teacher.config import FitConfig, IdentityTrainConfig
from teacher.energy.merged_identity import merge
from teacher.evidence.records import FaceEvidence, IdentityEvidence
from teacher.fitting.fitter import HeadFitter
from teacher.identity.network import IdentityNetwork, IdentityView, Targets, Template
from teacher.identity.source import find_identity
from teacher.identity.training.examples import Examples, Sides, examples_of
from teacher.identity.training.run import IdentityFigures, train
from teacher.identity.weights import load_identity, save_identity
from teacher.prior.networks.vertices import spread_vertices
from tests.teacher.test_fitter import project_landmarks, random_heads
from tests.tiny_head import tiny_head


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


def output(mean: list[float], std: list[float]) -> IdentityEvidence:
    return IdentityEvidence(torch.tensor(mean)[:, None], torch.tensor(std)[:, None])


def merged(
    evidence: IdentityEvidence, person: list[int], factor: float = 1.0, shared: float = 0.0
) -> tuple[Tensor, ...]:
    out = merge(evidence, torch.tensor(person), max(person) + 1, factor, shared)
    return out.mean[:, 0], out.std[:, 0]


def test_one_opinion_stays_what_it_is() -> None:
    mean, std = merged(output([0.8, -0.3], [0.5, 0.9]), [0, 1], shared=0.4)
    assert mean.tolist() == pytest.approx([0.8, -0.3])
    assert std.tolist() == pytest.approx([0.5, 0.9])


def test_independent_opinions_add_up() -> None:
    """Two likelihoods N(x; z, 1) under a prior N(0, 1): posteriors x/2 each, together (x1 + x2)/3."""
    mean, std = merged(output([0.5, 1.0], [0.5**0.5, 0.5**0.5]), [0, 0])
    assert mean.item() == pytest.approx((1.0 + 2.0) / 3)
    assert std.item() == pytest.approx(3**-0.5)


def test_opinions_that_repeat_each_other_tell_no_more_than_one() -> None:
    mean, std = merged(output([0.7] * 5, [0.6] * 5), [0] * 5, shared=1.0)
    assert (mean.item(), std.item()) == pytest.approx((0.7, 0.6))


def test_who_sees_nothing_has_no_say() -> None:
    mean, std = merged(output([0.7, 3.0, 9.0], [0.6, torch.inf, torch.inf]), [0, 0, 1], shared=0.5)
    assert mean.tolist() == pytest.approx([0.7, 0.0])
    assert std.tolist() == pytest.approx([0.6, 1.0])


def test_a_larger_error_pulls_towards_the_mean_head() -> None:
    mean, std = merged(output([0.8], [0.5]), [0], factor=2.0)
    assert 0 < mean.item() < 0.8
    assert 0.5 < std.item() < 1


def test_a_good_opinion_gives_a_better_neutral_head(model: FlameModel) -> None:
    """Landmarks with noise, beside an opinion that is right to 0.3 of a code."""
    generator = torch.Generator().manual_seed(5)
    params, camera = random_heads(model, 4, seed=21)
    marks = project_landmarks(model, params, camera)
    evidence = FaceEvidence(marks + 5 * torch.randn(marks.shape, generator=generator), camera)
    directions = Targets.of(model, 1e-3).shape
    wanted = params.shape @ directions
    opinion = IdentityEvidence(
        wanted + 0.3 * torch.randn(wanted.shape, generator=generator), torch.full_like(wanted, 0.3)
    )
    fitter = HeadFitter(model, FitConfig(), landmark_noise=LandmarkNoise.independent(478, 0.05), directions=directions)
    plain, helped = (
        (fitter.fit(replace(evidence, identity=one)).params.shape @ directions - wanted).square().mean().sqrt()
        for one in (None, opinion)
    )
    assert helped < 0.6 * plain


def test_an_opinion_needs_directions(model: FlameModel) -> None:
    params, camera = random_heads(model, 1, seed=1)
    identity = IdentityEvidence(torch.zeros(1, 3), torch.ones(1, 3))
    evidence = FaceEvidence(project_landmarks(model, params, camera), camera, identity=identity)
    with pytest.raises(ValueError, match="without their directions"):
        HeadFitter(model, FitConfig(), landmark_noise=LandmarkNoise.independent(478, 0.05)).fit(evidence)


def test_features_follow_the_crop(model: FlameModel) -> None:
    """Place and size of the crop change nothing, and a roll turns the differences in the picture with it."""
    template, view = views(model, 3)
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    other = replace(
        view,
        landmarks_px=2 * view.landmarks_px @ turn.T + 40,
        pixel_px=2 * view.pixel_px @ turn.T + 40,
        normal=view.normal @ torch.block_diag(turn, torch.ones(1, 1)).T,
    )
    *before, _ = template.features(view).split(template.blocks, 1)
    *after, _ = template.features(other).split(template.blocks, 1)
    for own, others in zip(before[:2], after[:2], strict=True):
        torch.testing.assert_close(others.unflatten(1, (-1, 2)), own.unflatten(1, (-1, 2)) @ turn.T, atol=0.03, rtol=0)
    torch.testing.assert_close(before[2], after[2], atol=0.01, rtol=0)


def views(model: FlameModel, count: int) -> tuple[Template, IdentityView]:
    """Exact views of random heads."""
    vertices = spread_vertices(model.assets, 60)
    params, camera = random_heads(model, count, seed=3)
    posed = model(params).verts_m
    normal = torch.nn.functional.normalize(
        torch.randn(count, 60, 3, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    seen = torch.ones(count, 60, dtype=torch.bool)
    marks = project_landmarks(model, params, camera)
    return Template.of(model.assets, vertices), IdentityView(marks, camera.project(posed[:, vertices]), normal, seen)


def test_a_head_without_symmetry_is_trained_without_mirror_images(model: FlameModel) -> None:
    _, view = views(model, 2)
    plain = FlameModel(replace(model.assets, mirror=None))
    truth = torch.zeros(2, model.n_shape + model.n_expression + 3)
    assert examples_of(view, truth, torch.arange(2), plain, spread_vertices(model.assets, 60)).mirrored is None


@dataclass(frozen=True)
class Trained:
    network: IdentityNetwork
    examples: Examples
    figures: IdentityFigures


@pytest.fixture(scope="module")
def trained(model: FlameModel) -> Trained:
    """On features that are the targets with noise of half their spread, beside some that say nothing."""
    generator = torch.Generator().manual_seed(0)
    config = IdentityTrainConfig(
        out="",
        epochs=25,
        batch=64,
        held=10,
        directions=50,
        width=8,
        dropout=0.0,
        weight_decay=0.01,
        learning_rate=3e-3,
        tolerance_m=2e-3,
    )
    matrix = Targets.of(model, config.tolerance_m).matrix()
    truth = torch.randn(4000, matrix.shape[0], generator=generator)
    wanted = truth @ matrix
    noisy = wanted + 0.5 * torch.randn(wanted.shape, generator=generator)
    features = torch.cat([noisy, torch.randn(4000, 12, generator=generator)], 1)
    examples = Examples(Sides(features.half(), truth), None, torch.arange(4000), (noisy.shape[1], 12))
    network, figures = train(examples, config, model)
    return Trained(network, examples, figures)


def test_the_network_learns_and_knows_how_well(trained: Trained) -> None:
    """Codes N(0, 1) seen with noise of 0.5 are known to 0.45 afterwards, a fifth of their variance."""
    figures = trained.figures
    assert figures.network_mm < 0.57 * figures.mean_head_mm
    assert figures.expression_left == pytest.approx(0.2, abs=0.1)
    assert figures.jaw_left == pytest.approx(0.2, abs=0.07)
    rows = slice(0, None, 10)  # those that were held out
    with torch.no_grad():
        identity, expression = trained.network.predict(trained.examples.plain.features[rows].float())
    targets = trained.network.targets
    shape, codes, jaw = (trained.examples.plain.truth[rows] @ targets.matrix()).split(targets.sizes, 1)
    for wanted, mean, std in (
        (shape, identity.mean, identity.std),
        (codes, expression.mean, expression.std),
        (jaw, expression.jaw_mean, expression.jaw_std),
    ):
        assert ((wanted - mean) / std).square().mean().sqrt() == pytest.approx(1.0, abs=0.02)
    assert identity.std.mean() == pytest.approx(0.45, abs=0.1)


def test_a_stored_network_says_the_same(trained: Trained, model: FlameModel, tmp_path: Path) -> None:
    network = trained.network
    header = {"head_id": model.assets.head_id, "prior": "abc"}
    path = save_identity(tmp_path / "identity.safetensors", network, spread_vertices(model.assets, 60), header)
    source = load_identity(path, model.assets)
    features = trained.examples.plain.features[:20].float()
    for stored, own in zip(source.network(features), network(features), strict=True):
        torch.testing.assert_close(stored, own, atol=5e-3, rtol=0)
    assert find_identity(str(path), "abc", model.assets, "cpu") is not None


def test_what_does_not_suit_is_refused(trained: Trained, model: FlameModel, tmp_path: Path) -> None:
    header = {"head_id": model.assets.head_id, "prior": "abc"}
    path = save_identity(tmp_path / "i.safetensors", trained.network, spread_vertices(model.assets, 60), header)
    with pytest.raises(UserError, match="speaks of head"):
        find_identity(str(path), "abc", tiny_head(), "cpu")
    with pytest.raises(UserError, match="behind the prior abc"):
        find_identity(str(path), "xyz", model.assets, "cpu")
    with pytest.raises(UserError, match="is not there"):
        find_identity(str(tmp_path / "none.tar"), "abc", model.assets, "cpu")
