"""The head of MakeHuman's sliders before its calibration, in whose coefficients the calibration is."""

from __future__ import annotations

from shared.flame.open_head.build import SculptedHead, build_head
from shared.flame.open_head.stored import stored_tensors, stored_text
from shared.flame.open_head_file import head_of
from shared.flame.schema import FlameAssets


def uncalibrated_head(sculpted: SculptedHead) -> FlameAssets:
    """Rounded as the asset is, so that coefficients mean the same wherever it is built."""
    built = build_head(sculpted)
    return head_of(stored_tensors(built.tensors), stored_text(built.metadata))
