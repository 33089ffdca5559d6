"""Measure the face units of scanned people at the vertices of the open head."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.config import ExpressionCalibrationConfig
from shared.config.loading import load_config
from shared.runs.entry import run_entry

DATA = Path(__file__).parents[1] / "data"
EXAMPLE = """
python -m shared.flame.open_head.expression_calibration ict=ict.npz people=11 faces=1200 seed=1
"""


def main(argv: list[str]) -> int:
    """Parse, measure, write the numbers."""
    config = load_config(ExpressionCalibrationConfig, argv, about=__doc__ or "", example=EXAMPLE)
    # After the options, as they take seconds to import.
    from shared.flame.open_head.build import build_head, sculpt_head
    from shared.flame.open_head.expression_calibration.run import CarriedPeople, calibrate_expressions
    from shared.flame.open_head.expression_calibration.scan_units import ScanUnits
    from shared.flame.open_head.expression_record import ASSET, write_calibration
    from shared.flame.open_head.identity_record import Calibration
    from shared.flame.open_head.makehuman import data_root
    from shared.flame.open_head.uncalibrated import uncalibrated_head
    from shared.flame.open_head_file import load_open_head

    units = ScanUnits.read(Path(config.ict))
    sculpted = sculpt_head(data_root())
    built = build_head(sculpted, uncalibrated_head(sculpted), Calibration.read())
    head = load_open_head()
    carried = CarriedPeople.sample(head, units, config.people, config.seed)
    assert head.arkit is not None
    measured = calibrate_expressions(head, built.sculpts, carried, head.arkit, config.faces, config.seed)
    source = (
        f"units of ICT-FaceKit (MIT, USC Institute for Creative Technologies) on its average person and "
        f"{config.people} sampled ones, seed {config.seed}; second moment over {config.faces} drawn faces"
    )
    path = Path(config.out or DATA / ASSET)
    write_calibration(path, measured, source)
    print(f"wrote {path}: {len(measured.controls.vertex)} controls", file=sys.stderr)
    return 0


if __name__ == "__main__":
    run_entry(main)
