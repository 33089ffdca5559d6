"""Measure where the identities of scanned people lie in the coefficients of the head before its calibration."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.config import HeadCalibrationConfig
from shared.config.loading import load_config
from shared.runs.entry import run_entry

DATA = Path(__file__).parents[1] / "data"
EXAMPLE = """
python -m shared.flame.open_head.calibration ict=ict.npz people=300 seed=20
"""


def main(argv: list[str]) -> int:
    """Parse, fit, write the calibration."""
    config = load_config(HeadCalibrationConfig, argv, about=__doc__ or "", example=EXAMPLE)
    # After the options, as they take seconds to import.
    from shared.flame.open_head.build import sculpt_head
    from shared.flame.open_head.calibration.people import ScanModel
    from shared.flame.open_head.calibration.run import calibrate_people
    from shared.flame.open_head.identity_record import ASSET
    from shared.flame.open_head.makehuman import data_root
    from shared.flame.open_head.uncalibrated import uncalibrated_head

    model = ScanModel.read(Path(config.ict))
    head = uncalibrated_head(sculpt_head(data_root()))
    calibration = calibrate_people(head, model, config.people, config.seed)
    path = calibration.write(Path(config.out or DATA / ASSET))
    print(f"wrote {path} ({path.stat().st_size / 1e6:.2f} MB): {calibration.made}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    run_entry(main)
