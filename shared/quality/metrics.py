"""What a head is judged by, prepared once for a head model."""

from __future__ import annotations

from dataclasses import dataclass

from shared.flame.model import FlameModel
from shared.quality.identity_leakage import IdentityLeakage
from shared.quality.mesh_stretch import MeshStretch


@dataclass(frozen=True)
class HeadMetrics:
    """Metrics of one head model, on the CPU."""

    leakage: IdentityLeakage
    mesh: MeshStretch

    @staticmethod
    def of(model: FlameModel) -> HeadMetrics:
        """Takes part of a second."""
        return HeadMetrics(IdentityLeakage.of(model), MeshStretch.of(model.assets))
