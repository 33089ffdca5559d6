"""Maps of real heads: a perfect prediction, the mean head's own maps, and errors of a known size."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.geometry.crop import Crop
from shared.geometry.meshes import unit
from teacher.prior.evaluation.deviations import across
from teacher.prior.evaluation.real_figures import RealFigure, RealRow, summarise
from teacher.prior.evaluation.real_score import PredictedMaps
from teacher.prior.evaluation.real_truth import posed_heads
from tests.evaluate import plain_set
from tests.teacher.prior.evaluation.exact_heads import SIDE, exact_truth, judge, maps_of

FACTS = {"person": "ann", "kind": "expression", "yaw_deg": 5.0}


def figures(predicted: dict[int, PredictedMaps]) -> dict[str, RealFigure]:
    rows = [
        RealRow(f"{index}/0_0", {**FACTS, "person": str(index)}, True, judge().score(exact_truth(index), maps))
        for index, maps in predicted.items()
    ]
    return summarise(rows)[0].errors


@pytest.mark.parametrize("crop", [None, Crop.around(torch.tensor([[80.0, 60.0], [370.0, 400.0]]), 512, 1.1)])
def test_the_truth_itself(crop: Crop | None) -> None:
    found = figures({index: maps_of(plain_set.meshes(index)[0], crop) for index in (0, 1)})
    normal, uv, points = (found[name] for name in ("normal_deg", "uv_mm", "points_mm"))
    assert normal.median < 0.2
    assert normal.fit_mean < 0.1
    assert uv.median < 0.1
    assert points.mean.value == 0
    for figure in (normal, uv, points):
        assert figure.pictures == figure.people == 2
        assert figure.places > 2000
        for head in (figure.mean_head, figure.neutral_head):
            assert head.mean > 3 * figure.mean.value
            assert head.agreement is not None
            assert head.agreement.correlation.value == pytest.approx(1, abs=0.06)
            assert head.agreement.strength.value == pytest.approx(1, abs=0.06)
            assert head.agreement.correlation.interval is not None
    assert normal.same_place is not None
    assert normal.same_place.agreement is not None
    assert normal.same_place.agreement.correlation.value > 0.9
    for figure in (normal, points):
        assert figure.own is not None
        assert figure.own.correlation.value > 0.9
    assert uv.own is None
    assert normal.neutral_head.mean > normal.mean_head.mean  # the mouth is open
    assert uv.same_place is None


@pytest.mark.parametrize("name", ["mean", "neutral"])
def test_the_mean_head_gains_nothing_and_deviates_nowhere(name: str) -> None:
    heads = posed_heads(plain_set.model(), plain_set.params(0))
    found = figures({0: maps_of(heads.mean_m if name == "mean" else heads.neutral_m)})
    for figure in found.values():
        head = figure.mean_head if name == "mean" else figure.neutral_head
        assert figure.mean.value == pytest.approx(head.mean, abs=1e-3)
        assert figure.median == pytest.approx(head.median, abs=1e-3)
        assert head.gain.value == pytest.approx(0, abs=1e-3)
        assert head.agreement is None
        other = figure.neutral_head if name == "mean" else figure.mean_head
        assert other.agreement is not None


def test_normals_that_are_all_turned_by_an_angle() -> None:
    exact, turn = exact_truth(0), torch.deg2rad(torch.tensor(12.0))
    side = unit(across(torch.tensor([0.0, 1.0, 0.2]).expand_as(exact.normal), exact.normal))
    turned = exact.normal * turn.cos() + side * turn.sin()
    score = judge().laid_head(replace(exact, fit_normal=turned)).errors["normal_deg"]
    torch.testing.assert_close(score.error, torch.full_like(score.error, 12.0), atol=1e-3, rtol=0)


def test_a_shift_in_the_picture_in_millimetres_at_the_depth_of_the_face() -> None:
    exact = maps_of(plain_set.meshes(0)[0])
    assert exact.points_px is not None
    points = exact.points_px + torch.tensor([3.0, 4.0])
    moved = replace(exact, points_px=points)
    error = judge().score(exact_truth(0), moved).errors["points_mm"].error
    torch.testing.assert_close(error, torch.full_like(error, 5e3 * 0.42 / 1000), rtol=0.15, atol=0)
    some = torch.tensor([5, 700, 90])
    fewer = replace(moved, points_px=points[some], vertices=some)
    assert len(judge().score(exact_truth(0), fewer).errors["points_mm"].error) <= 3


def test_places_outside_the_maps_are_not_judged() -> None:
    exact = maps_of(plain_set.meshes(0)[0])
    assert exact.mask is not None
    left = exact.mask & (torch.arange(SIDE) < SIDE / 2)
    both, half = (judge().score(exact_truth(0), replace(exact, mask=mask)).errors for mask in (exact.mask, left))
    assert 0.2 * len(both["uv_mm"].error) < len(half["uv_mm"].error) < 0.8 * len(both["uv_mm"].error)
    none = judge().score(exact_truth(0), replace(exact, mask=torch.zeros_like(left)))
    assert len(none.errors["normal_deg"].error) == 0
    assert "normal_deg" not in summarise([RealRow("a/0_0", FACTS, True, none)])[0].errors


def test_only_what_is_predicted_is_judged() -> None:
    exact = maps_of(plain_set.meshes(0)[0])
    assert set(judge().score(exact_truth(0), replace(exact, uv=None, points_px=None)).errors) == {"normal_deg"}
    assert set(judge().score(exact_truth(0), replace(exact, normal=None, vertices=None)).errors) == {"uv_mm"}


def test_groups_by_region_and_yaw() -> None:
    score = judge().score(exact_truth(0), maps_of(plain_set.meshes(0)[0]))
    groups = summarise([RealRow("a/0_0", FACTS, True, score)])
    labels = [(group.dimension, group.label) for group in groups]
    regions = [label for dimension, label in labels if dimension == "region"]
    assert regions[:7] == ["forehead", "brows", "eyes", "nose", "cheeks", "mouth", "chin"]
    assert [one for one in labels if one[0] not in ("", "region")] == [
        ("yaw, degrees", "0 to 20"),
        ("state", "expression"),
    ]
    places = [group.errors["normal_deg"].places for group in groups if "normal_deg" in group.errors]
    assert sum(places[1:-2]) == places[0] == places[-1]
    assert groups[0].errors["normal_deg"].mean.interval is None  # one person
    assert summarise([]) == []
