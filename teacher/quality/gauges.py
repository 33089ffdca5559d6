"""What a fit is held against: the head it is a fit of."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from shared.flame.model import FlameModel
from teacher.quality.confidence import PartGauge
from teacher.quality.drift import DriftGauge
from teacher.quality.mesh import MeshGauge


@dataclass(frozen=True)
class HeadGauges:
    """Gauges of one head; build them once. On the CPU."""

    drift: DriftGauge
    mesh: MeshGauge
    parts: PartGauge

    @staticmethod
    def of(model: FlameModel, vertices: Tensor | None) -> HeadGauges:
        """``vertices`` (N,) are those that dense evidence is of, if there is any. Takes part of a second."""
        return HeadGauges(DriftGauge.of(model), MeshGauge.of(model.assets), PartGauge.of(model, vertices))
