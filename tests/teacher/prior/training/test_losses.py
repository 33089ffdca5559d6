"""The losses: zero for the truth, blind where the masks say so, honest about uncertainty."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from teacher.config import PriorLossConfig
from teacher.prior.records import UNKNOWN_PART, PriorMaps, PriorPoints, PriorPrediction, PriorTarget
from teacher.prior.training.losses import UV_MM, FaceRegion, prior_loss
from tests.teacher.prior.networks.test_compact import target

WEIGHTS = PriorLossConfig()
ALL = FaceRegion.everywhere(60)


def truth(wanted: PriorTarget) -> PriorPrediction:
    """A prediction that is right, and sure of it."""
    part = torch.nn.functional.one_hot(wanted.part.long().clamp(max=8), 9).movedim(-1, 1).float()
    maps = PriorMaps(
        frame="crop",
        normal=wanted.normal,
        normal_log_var=torch.full(wanted.part.shape, -10.0),
        uv=wanted.uv,
        uv_log_var=torch.full(wanted.part.shape, -14.0),
        part_logits=part * 50,
    )
    logits = torch.where(wanted.points_visible, 30.0, -30.0)
    return PriorPrediction(maps, PriorPoints(wanted.points_px, torch.full(logits.shape, -4.0), logits))


def test_the_truth_costs_nothing() -> None:
    _, log = prior_loss(truth(target()), target(), WEIGHTS, ALL)
    for name in ("normal", "uv", "part", "points", "visible"):
        assert log[name] < 1e-3, name


def test_an_offset_of_uv_counts_in_millimetres() -> None:
    right = truth(target())
    off = right.maps.uv + torch.tensor([0.003, 0.004])[:, None, None]
    _, log = prior_loss(
        dataclasses.replace(right, maps=dataclasses.replace(right.maps, uv=off)), target(), WEIGHTS, ALL
    )
    assert float(log["uv_mm"]) == pytest.approx(0.005 * UV_MM, rel=1e-3)


def test_what_the_masks_hide_has_no_gradient() -> None:
    wanted = target()
    mask = wanted.uv_mask.clone()
    mask[:, :, :20] = False
    part = wanted.part.clone()
    part[:, :, :20] = UNKNOWN_PART
    known = wanted.points_known.clone()
    known[:, :7] = False
    wanted = dataclasses.replace(wanted, uv_mask=mask, normal_mask=mask, part=part, points_known=known)
    maps = PriorMaps("crop", *(torch.randn(shape, requires_grad=True) for shape in _shapes(wanted)))
    points = PriorPoints(*(torch.randn(2, 60, *rest, requires_grad=True) for rest in ((2,), (), ())))
    total, _ = prior_loss(PriorPrediction(maps, points), wanted, WEIGHTS, ALL)
    total.backward()
    for name in ("normal", "normal_log_var", "uv", "uv_log_var", "part_logits"):
        gradient: Tensor = getattr(maps, name).grad
        assert (gradient[..., :20] == 0).all(), name
        assert (gradient[..., 20:] != 0).any(), name
    assert (points.pixel_px.grad[:, :7] == 0).all()
    assert (points.pixel_px.grad[:, 7:] != 0).all()


def _shapes(wanted: PriorTarget) -> list[tuple[int, ...]]:
    plain = tuple(wanted.part.shape)
    return [wanted.normal.shape, plain, wanted.uv.shape, plain, (plain[0], 9, *plain[1:])]


def test_what_is_hidden_counts_less() -> None:
    wanted = target()
    half = wanted.uv_mask.clone()
    half[:, :, :32] = False
    right = truth(wanted)
    off = dataclasses.replace(right.maps, uv=right.maps.uv + (~half)[:, None] * 0.003)
    hidden = dataclasses.replace(wanted, uv_mask=half, hidden=~half)
    _, log = prior_loss(dataclasses.replace(right, maps=off), hidden, WEIGHTS, ALL)
    share = WEIGHTS.hidden / (1 + WEIGHTS.hidden)
    assert float(log["uv_mm"]) == pytest.approx(share * 0.003 * math.sqrt(2) * UV_MM, rel=1e-2)


def test_uncertainty_is_best_at_the_size_of_the_error_and_does_not_move_the_prediction() -> None:
    wanted = target()
    right = truth(wanted)
    off = right.maps.uv + torch.tensor([0.006, 0.008])[:, None, None]  # an error of 0.01

    def cost(log_var: float) -> float:
        maps = dataclasses.replace(right.maps, uv=off, uv_log_var=torch.full(wanted.part.shape, log_var))
        return float(prior_loss(dataclasses.replace(right, maps=maps), wanted, WEIGHTS, ALL)[1]["log_var"])

    best = math.log(2 * 0.01**2)  # of a Laplace distribution with mean absolute error 0.01
    assert cost(best) < min(cost(best - 0.2), cost(best + 0.2))

    uv = off.clone().requires_grad_()
    only = PriorLossConfig(normal=0, uv=0, part=0, points=0, visible=0, log_var=1)
    total, _ = prior_loss(dataclasses.replace(right, maps=dataclasses.replace(right.maps, uv=uv)), wanted, only, ALL)
    (gradient,) = torch.autograd.grad(total, uv, allow_unused=True)
    assert gradient is None or (gradient == 0).all()


def test_points_count_the_same_at_every_crop_size() -> None:
    wanted = target()
    right = truth(wanted)
    moved = dataclasses.replace(right.points, pixel_px=right.points.pixel_px + torch.tensor([3.0, 4.0]))
    _, log = prior_loss(dataclasses.replace(right, points=moved), wanted, WEIGHTS, ALL)
    assert float(log["points_px"]) == pytest.approx(5 * 256 / 64, rel=1e-4)


def test_a_weight_of_each_term_counts() -> None:
    maps = PriorMaps("crop", *(torch.randn(shape) for shape in _shapes(target())))
    points = PriorPoints(torch.randn(2, 60, 2), torch.randn(2, 60), torch.randn(2, 60))
    said = PriorPrediction(maps, points)
    torch.manual_seed(0)  # which pixels are looked at
    total, log = prior_loss(said, target(), WEIGHTS, ALL)
    for name in ("normal", "uv", "part", "points", "visible", "log_var"):
        doubled = dataclasses.replace(WEIGHTS, **{name: 2 * getattr(WEIGHTS, name)})
        torch.manual_seed(0)
        more = prior_loss(said, target(), doubled, ALL)[0] - total
        assert float(more) == pytest.approx(float(getattr(WEIGHTS, name) * log[name]), rel=1e-3, abs=1e-4), name


def test_what_is_beyond_the_face_counts_less() -> None:
    """Half of the points and of the pixels are off by as much as the others, beyond the face."""
    wanted = target()
    wanted = dataclasses.replace(wanted, uv=torch.rand(wanted.uv.shape, generator=torch.Generator().manual_seed(0)))
    face = FaceRegion(torch.tensor([[True, False], [True, False]]), torch.arange(60) < 30)
    uv = torch.where(wanted.uv[:, :1] < 0.5, wanted.uv, wanted.uv + 0.01)  # off in the texture's right half
    right = truth(wanted)
    wrong = dataclasses.replace(right, maps=dataclasses.replace(right.maps, uv=uv))

    def uv_term(beyond: float) -> float:
        return float(prior_loss(wrong, wanted, dataclasses.replace(WEIGHTS, beyond=beyond), face)[1]["uv"])

    assert 0 < uv_term(0.1) < 0.5 * uv_term(1.0)
    moved = torch.where(face.points[:, None], right.points.pixel_px, right.points.pixel_px + 5)
    wrong = dataclasses.replace(right, points=dataclasses.replace(right.points, pixel_px=moved))

    def points_term(beyond: float) -> float:
        return float(prior_loss(wrong, wanted, dataclasses.replace(WEIGHTS, beyond=beyond), face)[1]["points"])

    assert 0 < points_term(0.1) < 0.5 * points_term(1.0)
