"""Units of a head mended by a calibration."""

from __future__ import annotations

import numpy as np

from shared.flame.open_head.expression import mirrored_name
from shared.flame.open_head.expression_record import ExpressionCalibration
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.unit_controls import UnitSculpts


def mended_units(sculpts: UnitSculpts, calibration: ExpressionCalibration) -> dict[str, Array]:
    """Offsets (V, 3) of all units, in the sculpts' order; blinks shut on this head. ValueError for other units."""
    names = tuple(sculpts.offsets)
    if names != calibration.unit_names:
        raise ValueError("the expression calibration is of other units than this head's: calibrate anew")
    own = np.stack([sculpts.offsets[name] for name in names])
    influence = calibration.controls.influence(sculpts)  # (K, V)
    out = dict(sculpts.offsets)
    for column, name in enumerate(calibration.mended_names):
        offset = np.tensordot(calibration.mix[:, column], own, 1) + influence.T @ calibration.vectors_m[:, column]
        out[name] = sculpts.finished(name, offset)
    flip = np.array([-1.0, 1, 1])
    return {name: (out[name] + out[mirrored_name(name)][sculpts.mirror] * flip) / 2 for name in names}
