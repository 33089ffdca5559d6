"""What the student is trained towards."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from shared.flame.segmentation import FACE_PARTS
from student.config import StudentLossConfig
from student.network.model import HeadLayout
from student.network.records import StudentOutput, StudentTarget
from student.training.losses import StudentLoss
from tests.student.heads import open_head, random_params

COUNT = 4


@pytest.fixture(scope="module")
def loss() -> StudentLoss:
    layout = HeadLayout.of(open_head(), 3e-4)
    return StudentLoss.of(StudentLossConfig(), open_head(), layout.basis, layout.view.anchor_m)


def target_of(loss: StudentLoss) -> StudentTarget:
    """Heads whose codes lie along the student's directions."""
    params = random_params(COUNT)
    basis = loss.basis
    return StudentTarget(
        shape=params.shape @ basis.shape @ basis.shape.T,
        expression=params.expression @ basis.expression @ basis.expression.T,
        eyelids=params.eyelids,
        neck=params.neck,
        jaw=params.jaw,
        eyes=params.eyes,
        R_sight_face=torch.eye(3).repeat(COUNT, 1, 1),
        anchor_px=torch.full((COUNT, 2), 80.0),
        log_scale=torch.full((COUNT,), 6.5),
        focal_px=torch.full((COUNT,), 400.0),
        confidence=torch.ones(COUNT, len(FACE_PARTS)),
        weight=torch.ones(COUNT),
        person=torch.arange(COUNT),
    )


def output(loss: StudentLoss, target: StudentTarget) -> StudentOutput:
    """The truth as an output."""
    basis = loss.basis
    return StudentOutput(
        shape=target.shape @ basis.shape,
        expression=target.expression @ basis.expression,
        eyelids=target.eyelids,
        neck=target.neck,
        jaw=target.jaw,
        eyes=target.eyes,
        R_sight_face=target.R_sight_face,
        anchor_px=target.anchor_px,
        log_scale=target.log_scale,
        log_std=torch.zeros(COUNT, basis.sizes.shape + basis.sizes.expression + 3),
    )


def test_nothing_is_lost_at_the_truth(loss: StudentLoss) -> None:
    target = target_of(loss)
    _, terms = loss(output(loss, target), target)
    assert {name for name, value in terms.items() if float(value) > 5e-3} == set(), terms


@pytest.mark.parametrize(
    ("field", "term"),
    [
        ("shape", "neutral"), ("expression", "vertices"), ("eyelids", "lids"), ("neck", "neck"), ("jaw", "closure"),
        ("eyes", "eyes"), ("anchor_px", "place"), ("log_scale", "size"),
    ],
)  # fmt: skip
def test_each_deviation_costs_in_its_own_term_and_pulls_back(loss: StudentLoss, field: str, term: str) -> None:
    target = target_of(loss)
    right = output(loss, target)
    wrong = (getattr(right, field) + 0.3).requires_grad_()
    total, terms = loss(replace(right, **{field: wrong}), target)
    assert float(terms[term]) > 0.02
    total.backward()
    assert wrong.grad is not None
    assert float(wrong.grad.sum()) > 0, "down the slope is back to the truth"


def test_vertices_count_in_millimetres_on_the_head(loss: StudentLoss) -> None:
    target = target_of(loss)
    off = replace(output(loss, target), anchor_px=target.anchor_px + torch.tensor([6.0, 0.0]))
    _, terms = loss(off, target)
    assert float(terms["place"]) == pytest.approx(6.0 / math.exp(6.5) * 1e3, rel=1e-3)


def test_what_is_not_trusted_does_not_count(loss: StudentLoss) -> None:
    target = target_of(loss)
    off = replace(output(loss, target), expression=output(loss, target).expression + 0.5)
    blind = replace(target, confidence=torch.zeros_like(target.confidence))
    assert float(loss(off, blind)[1]["vertices"]) == 0
    one = torch.zeros(COUNT)
    one[0] = 1.0
    broken = replace(off, shape=off.shape + (1 - one)[:, None])
    _, terms = loss(broken, replace(target, weight=one))
    assert float(terms["neutral"]) < 2e-3, "only the first row is trusted, and its identity is right"


def test_one_person_has_one_neutral_face(loss: StudentLoss) -> None:
    target = target_of(loss)
    pairs = replace(target, person=torch.tensor([5, 5, 6, 7]))
    _, terms = loss(output(loss, target), pairs)
    assert float(terms["identity"]) > 1, "the first two rows are said to be one person and have two faces"
    same = output(loss, target)
    same = replace(same, shape=same.shape[:1].expand_as(same.shape))
    assert float(loss(same, pairs)[1]["identity"]) < 2e-3


def test_doubt_is_as_large_as_the_error(loss: StudentLoss) -> None:
    """The likelihood is best where the stated deviation is that of the errors."""
    target = target_of(loss)
    right = output(loss, target)
    off = replace(right, shape=right.shape + 0.5)
    codes = []
    for stated in (0.1, 0.5, 2.0):
        sure = torch.full_like(right.log_std, stated).log()
        variance = (2 * sure).exp() ** 0.5  # what the likelihood is weighted by
        codes.append(float(loss(replace(off, log_std=sure), target)[1]["codes"] / variance.mean()))
    n_shape, total = loss.basis.sizes.shape, right.log_std.shape[1]
    assert n_shape / total > 0.5
    assert codes[1] < min(codes[0], codes[2])
