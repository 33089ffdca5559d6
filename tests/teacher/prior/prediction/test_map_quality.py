"""What a map says against itself."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from shared.flame.segmentation import Part
from teacher.prior.map_quality.checks import MapQuality
from teacher.prior.records import N_PARTS, PriorInput, PriorMaps, PriorPrediction

SIZE = 128


def logits(part: Tensor) -> Tensor:
    """(S, S) -> (9, S, S)."""
    return torch.nn.functional.one_hot(part, N_PARTS).permute(2, 0, 1).float()


def good_maps() -> PriorMaps:
    y, x = torch.meshgrid(torch.linspace(0.2, 0.8, SIZE), torch.linspace(0.2, 0.8, SIZE), indexing="ij")
    sideways = torch.stack([x - 0.5, y - 0.5, -torch.ones_like(x)])
    return PriorMaps(
        frame="crop",
        normal=torch.nn.functional.normalize(sideways, dim=0),
        normal_log_var=torch.full((SIZE, SIZE), 2 * math.log(0.1)),
        uv=torch.stack([x, y]),
        uv_log_var=torch.full((SIZE, SIZE), 2 * math.log(0.004)),
        part_logits=logits(torch.full((SIZE, SIZE), int(Part.SKIN))),
    )


def face() -> PriorInput:
    """Landmarks that cover the middle and say what `good_maps` say."""
    maps = torch.zeros(6, SIZE // 2, SIZE // 2)
    uv = good_maps().uv
    assert uv is not None
    maps[:2], maps[5, 10:-10, 10:-10] = uv[:, ::2, ::2], 1
    maps[:5] *= maps[5]
    return PriorInput(torch.rand(3, SIZE, SIZE), torch.rand(478, 2), maps, torch.tensor(True))


def warnings(maps: PriorMaps, inputs: PriorInput | None = None) -> str:
    return "; ".join(warning.reason for warning in MapQuality.of(PriorPrediction(maps), inputs or face()).warnings)


def test_good_maps_raise_no_warning() -> None:
    quality = MapQuality.of(PriorPrediction(good_maps()), face())
    assert quality.warnings == ()
    assert quality.uv_sigma == pytest.approx(0.004, rel=1e-4)
    assert quality.seen_face == quality.uv_upright == quality.normals_facing == 1
    assert MapQuality.of(PriorPrediction(good_maps()), face().without_landmarks()).warnings == ()


def test_each_fault_is_named() -> None:
    maps = good_maps()
    uv, normal, doubt = maps.uv, maps.normal, torch.zeros(SIZE, SIZE)
    assert uv is not None
    assert normal is not None
    hair = logits(torch.full((SIZE, SIZE), int(Part.HAIR)))
    blocks = 0.05 * torch.randn(SIZE // 16, SIZE // 16).repeat_interleave(16, 0).repeat_interleave(16, 1)
    faults = {
        "taken for skin": replace(maps, part_logits=hair),
        "confidence in UV": replace(maps, uv_log_var=doubt),
        "confidence in normals": replace(maps, normal_log_var=doubt),
        "grid shows in UV": replace(maps, uv=uv + blocks),
        "grid shows in normals": replace(maps, normal=normal + 3 * blocks),
        "mirrored or torn": replace(maps, uv=torch.stack([1 - uv[0], uv[1]])),
        "landmarks disagree": replace(maps, uv=uv + 0.1),
        "look at the camera": replace(maps, normal=-normal),
    }
    for word, faulty in faults.items():
        assert word in warnings(faulty), word


def test_broken_numbers_are_never_good() -> None:
    maps = good_maps()
    nothing = torch.full((SIZE, SIZE), math.nan)
    assert "confidence in UV" in warnings(replace(maps, uv_log_var=nothing))


def test_a_head_that_looks_up_is_the_right_way_round() -> None:
    """The sense of a map does not depend on how the head is rolled."""
    uv = good_maps().uv
    assert uv is not None
    rolled = replace(good_maps(), uv=torch.rot90(uv, 1, (1, 2)))
    assert "mirrored" not in warnings(rolled, face().without_landmarks())


def test_networks_that_predict_one_map_only_are_judged_by_it() -> None:
    quality = MapQuality.of(PriorPrediction(PriorMaps("head", normal=good_maps().normal)), face())
    assert quality.warnings == ()
    assert (quality.uv_sigma, quality.seen_face, quality.normals_facing) == (None, None, None)
