"""All occluders of one picture, fitted to its head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.flame.schema import FlameAssets
from shared.synthetic.occluders.head_fit import HeadFit, SkullChart
from shared.synthetic.occluders.look import OccluderLook
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import PosedHead, Surface


@dataclass(frozen=True, eq=False)
class OccluderMaker:
    """Builds occluders for heads of one model."""

    chart: SkullChart

    @staticmethod
    def of(assets: FlameAssets) -> OccluderMaker:
        """KeyError if the head has no "mediapipe" landmarks or no ears."""
        return OccluderMaker(SkullChart.of(assets))

    def surfaces(self, head: PosedHead, looks: Sequence[OccluderLook], traits: Traits) -> list[Surface]:
        """The meshes of all looks, in the world, on the device of the head."""
        if not looks:
            return []
        fit = HeadFit.of(self.chart, head, traits)
        return [surface for look in looks for surface in look.surfaces(fit)]
