"""Errors of one picture: 0 for the truth, and as large as one makes them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from shared.flame.segmentation import Part
from teacher.prior.evaluation.measure import mean_iou, measure, measure_landmarks, measure_lookup, part_counts
from teacher.prior.geometry.lookup import UvIndex
from teacher.prior.records import N_PARTS, PriorMaps, PriorPrediction
from tests.teacher.prior.evaluation.benchmark_fakes import PX_PER_M, SIZE, VERTEX_UV, crop, flat_surface, prediction

TARGET = crop().target


def test_the_truth_has_no_error() -> None:
    score = measure(prediction(TARGET), TARGET, flat_surface(), N_PARTS)
    assert score.normal_deg
    assert score.uv_mm
    assert score.points_mm
    assert score.parts is not None
    assert len(score.normal_deg.error) == len(score.uv_mm.error) == int(TARGET.uv_mask.sum())
    assert len(score.points_mm.error) == 3  # the hidden one is not judged
    for errors in (score.normal_deg, score.uv_mm, score.points_mm):
        assert errors.error.max() < 1e-4
    assert mean_iou(score.parts) == 1


def test_known_steps_are_measured_in_their_units() -> None:
    off = prediction(TARGET, uv_step=0.03, turn_rad=math.radians(7), points_step_px=2.0)
    score = measure(off, TARGET, flat_surface(), N_PARTS)
    assert score.normal_deg
    assert score.uv_mm
    assert score.points_mm
    x, y, z = TARGET.normal[:, 10, 10].tolist()
    across = math.hypot(y, z)  # the turn is about x, so x keeps its share
    expected = math.degrees(2 * math.asin(across * math.sin(math.radians(3.5))))
    assert score.normal_deg.error.tolist() == pytest.approx([expected] * len(score.normal_deg.error), rel=1e-3)
    assert score.uv_mm.error.tolist() == pytest.approx([3.0] * len(score.uv_mm.error), rel=1e-3)
    assert score.points_mm.error.tolist() == pytest.approx([2 / PX_PER_M * 1e3] * 3, rel=1e-4)
    # Against the stated deviations: exp(-8 / 2) in UV, 1 px of the points.
    assert score.uv_mm.sigmas[0] == pytest.approx(0.03 / math.exp(-4), rel=1e-3)
    assert score.points_mm.sigmas.tolist() == pytest.approx([2.0] * 3)
    assert x != 0


def test_tiny_angles_are_not_lost() -> None:
    score = measure(prediction(TARGET, turn_rad=1e-4), TARGET, flat_surface(), N_PARTS)
    assert score.normal_deg
    assert float(score.normal_deg.error.median()) == pytest.approx(math.degrees(1e-4), rel=0.02)


def test_only_what_the_masks_allow_is_judged() -> None:
    off = prediction(TARGET)
    assert off.maps.uv is not None
    assert off.maps.normal is not None
    uv, normal = off.maps.uv.clone(), off.maps.normal.clone()
    uv[:, ~TARGET.uv_mask], normal[:, ~TARGET.normal_mask] = 0.9, 1.0
    score = measure(replace(off, maps=replace(off.maps, uv=uv, normal=normal)), TARGET, flat_surface(), N_PARTS)
    assert score.normal_deg
    assert score.uv_mm
    assert score.uv_mm.error.max() < 1e-4
    assert score.normal_deg.error.max() < 1e-4


def test_what_a_patch_covers_is_marked() -> None:
    covered = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    covered[:, : SIZE // 2] = True
    score = measure(prediction(TARGET), TARGET, flat_surface(), N_PARTS, covered)
    assert score.uv_mm
    assert score.points_mm
    assert int(score.uv_mm.covered.sum()) == int((TARGET.uv_mask & covered).sum())
    assert len(score.uv_mm.where(~score.uv_mm.covered).sigma) == int((TARGET.uv_mask & ~covered).sum())
    assert score.points_mm.covered.tolist() == [True, False, True]  # columns 6.4, 20.5, 13.4


def test_unknown_depth_and_missing_outputs() -> None:
    bare = PriorPrediction(PriorMaps("crop", uv=TARGET.uv))
    score = measure(bare, TARGET, flat_surface(), N_PARTS)
    assert score.normal_deg is None
    assert score.points_mm is None
    assert score.parts is None
    assert score.uv_mm
    assert len(score.uv_mm.sigma) == 0
    assert (
        score.uv_mm.where(torch.ones(len(score.uv_mm.error), dtype=torch.bool)).error.shape == score.uv_mm.error.shape
    )
    nowhere = measure(prediction(TARGET), replace(TARGET, px_per_m=torch.tensor(0.0)), flat_surface(), N_PARTS)
    assert nowhere.points_mm
    assert len(nowhere.points_mm.error) == 0


def test_parts_count_unknown_pixels_as_nothing() -> None:
    true = torch.tensor([[1, 1, 5, 255]])
    counts = part_counts(torch.tensor([[1, 5, 5, 3]]), true, N_PARTS)
    assert counts[int(Part.SKIN)].tolist() == [1, 1, 2]
    assert counts[int(Part.HAIR)].tolist() == [1, 2, 1]
    assert counts[int(Part.MOUTH)].tolist() == [0, 0, 0]
    assert mean_iou(counts) == pytest.approx(0.5)


def test_landmarks_alone_are_judged_where_their_mesh_is() -> None:
    one = crop()
    errors, there = measure_landmarks(one.input, one.target, flat_surface())
    right = TARGET.uv_mask.clone()
    right[:, : SIZE // 2 + 1] = False  # not at the mesh's edge
    assert len(errors.error) == int(right.sum()) == int(there.sum())
    assert len(there) == int(TARGET.uv_mask.sum())
    assert errors.error.tolist() == pytest.approx([2.0] * len(errors.error), rel=1e-3)


def test_vertices_are_found_in_the_map() -> None:
    found = measure_lookup(prediction(TARGET, points_step_px=1.0), TARGET, UvIndex.of(VERTEX_UV))
    assert found.judged == 3
    assert len(found.by_map_mm.error) == 2  # the first lies on hair, by the parts
    assert found.by_map_mm.error.max() < 0.02 / PX_PER_M * 1e3
    assert found.by_points_mm
    assert found.by_points_mm.error.tolist() == pytest.approx([1 / PX_PER_M * 1e3] * 2, rel=1e-4)
    stepped = measure_lookup(prediction(TARGET, uv_step=0.1 / SIZE), TARGET, UvIndex.of(VERTEX_UV))
    assert stepped.by_map_mm.error.tolist() == pytest.approx([1 / PX_PER_M * 1e3] * 2, rel=0.02)
