"""What a fit is held against: the head it is a fit of."""

from __future__ import annotations

from dataclasses import dataclass

from shared.flame.model import FlameModel
from teacher.quality.drift import DriftGauge
from teacher.quality.mesh import MeshGauge


@dataclass(frozen=True)
class HeadGauges:
    """Gauges of one head; build them once. On the CPU."""

    drift: DriftGauge
    mesh: MeshGauge

    @staticmethod
    def of(model: FlameModel) -> HeadGauges:
        """Takes part of a second."""
        return HeadGauges(DriftGauge.of(model), MeshGauge.of(model.assets))
