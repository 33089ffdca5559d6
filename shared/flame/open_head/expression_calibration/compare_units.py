"""Compare ARKit's units of the open head with those of scanned people."""

from __future__ import annotations

from pathlib import Path

from shared.config import CompareUnitsConfig
from shared.config.loading import load_config
from shared.runs.entry import run_entry

EXAMPLE = """
python -m shared.flame.open_head.expression_calibration.compare_units ict=ict.npz
"""


def main(argv: list[str]) -> int:
    """Parse, compare, print the table."""
    config = load_config(CompareUnitsConfig, argv, about=__doc__ or "", example=EXAMPLE)
    # After the options, as they take seconds to import.
    from shared.flame.open_head.expression_calibration.compare import compare_units, markdown, strengths
    from shared.flame.open_head.expression_calibration.run import CarriedPeople
    from shared.flame.open_head.expression_calibration.scan_units import ScanUnits
    from shared.flame.open_head.expression_record import read_calibration
    from shared.flame.open_head_file import load_open_head

    units = ScanUnits.read(Path(config.ict))
    head = load_open_head()
    print(markdown(compare_units(head, CarriedPeople.sample(head, units, config.people, config.seed))))
    print(strengths(read_calibration()), end="")
    return 0


if __name__ == "__main__":
    run_entry(main)
