"""Figures of a network while it trains, on some of the benchmark's pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from shared.flame.schema import FlameAssets
from teacher.prior.evaluation.benchmark_crops import BenchmarkCrop, BenchmarkCrops
from teacher.prior.evaluation.figures import group_of
from teacher.prior.evaluation.judge import Judge, Predict, batches, rows_of
from teacher.prior.geometry.surface import HeadSurface
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.networks.weights import Prior
from teacher.prior.prediction.predictor import Predictor

_BATCH = 16


def validation(
    assets: FlameAssets, network: PriorNetwork, count: int, device: torch.device
) -> Callable[[PriorNetwork], dict[str, float]]:
    """`validate` on ``count`` pictures, which are drawn now, if they never were, and held in memory (3 MB each).

    Args:
        assets: the head that is trained.
        network: one of those that will be validated; for what it takes and predicts.
        count: pictures, spread over people and views.
        device: where the networks are.
    """
    crops = BenchmarkCrops.of(assets, network, network.vertices, count)
    crops.portraits.prepare(crops.indices)
    held, judge = list(crops), Judge(HeadSurface.of(assets), None)

    def run(network: PriorNetwork) -> dict[str, float]:
        return validate(Predictor(Prior(network, assets.head_id, {}), _BATCH, False, device).predict, held, judge)

    return run


def validate(predict: Predict, crops: Sequence[BenchmarkCrop], judge: Judge) -> dict[str, float]:
    """What a training run wants to know, in one pass with landmarks and one without.

    Medians of the UV and the points over all places in mm, mean of the normals in degrees, mean IoU of the parts, and
    the share of UV errors within the stated deviation (0.76 if it is right).
    """
    found: dict[str, float] = {}
    for hide, suffix in ((False, ""), (True, "_without_landmarks")):
        rows = [row for some in batches(crops, _BATCH) for row in rows_of(predict, some, judge, hide)]
        group = group_of("", "all", rows)
        values = {
            "normal_deg": group.errors["normal_deg"].mean if "normal_deg" in group.errors else None,
            "uv_mm": group.errors["uv_mm"].median if "uv_mm" in group.errors else None,
            "uv_within_1": group.errors["uv_mm"].within_1 if "uv_mm" in group.errors else None,
            "points_mm": group.errors["points_mm"].median if "points_mm" in group.errors else None,
            "part_iou": group.part_iou.get("mean"),
        }
        found |= {name + suffix: value for name, value in values.items() if value is not None}
    return found
