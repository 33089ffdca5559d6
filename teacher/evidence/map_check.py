"""How far a network's maps can be believed, of one face."""

from __future__ import annotations

import torch

from shared.geometry.crop import Crop
from teacher.evidence.records import DenseEvidence, MapCheck
from teacher.prior.geometry.charts import Charts
from teacher.prior.map_quality.checks import MapQuality
from teacher.prior.records import PriorInput, PriorPrediction

QUANTILES = 21  # 0, 5, ... 100 %


def check_maps(
    prediction: PriorPrediction, given: PriorInput, evidence: DenseEvidence, charts: Charts, crop: Crop
) -> MapCheck:
    """What speaks against the maps, and the distances in UV between vertices and the pixels where they were found.

    Args:
        prediction, given: of one face, without leading dimensions, on the CPU.
        evidence: what was made of it.
        charts: of its vertices.
        crop: from the evidence's pixels to those of the maps.
    """
    found = evidence.pixel_std_px.isfinite()
    distance: tuple[float, ...] = ()
    uv = prediction.maps.uv
    if uv is not None and bool(found.any()):
        height, width = uv.shape[-2:]
        column, row = crop.apply(evidence.pixel_px).floor().long().unbind(-1)
        here = uv[:, row.clamp(0, height - 1), column.clamp(0, width - 1)].T
        steps = torch.linspace(0, 1, QUANTILES)
        distance = tuple(charts.distance(here)[found].quantile(steps).tolist())
    return MapCheck(MapQuality.of(prediction, given).warnings, float(found.float().mean()), distance)
