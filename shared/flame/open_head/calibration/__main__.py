"""Calibrate the open head: `python -m shared.flame.open_head.calibration ict=FILE [people=300] [out=FILE]`."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.flame.errors import FlameFileError
from shared.flame.open_head.calibration.people import ScanModel
from shared.flame.open_head.calibration.record import ASSET
from shared.flame.open_head.calibration.run import calibrate_people
from shared.flame.open_head.load import load_open_head

DEFAULT = Path(__file__).parents[1] / "data" / ASSET
USAGE = "usage: python -m shared.flame.open_head.calibration ict=FILE.npz [people=300] [seed=20] [out=FILE]"


def main(arguments: list[str]) -> int:
    """Parse ``key=value`` arguments, fit, write the calibration. Returns the exit status."""
    options = {"ict": "", "people": "300", "seed": "20", "out": str(DEFAULT)}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or key not in options:
            print(f"unknown argument {argument!r}; {USAGE}", file=sys.stderr)
            return 2
        options[key] = value
    numbers = [options[key] for key in ("people", "seed")]
    if not options["ict"] or not all(number.isdecimal() for number in numbers) or int(numbers[0]) < 2:
        print(f"needs ict=FILE, and people (2 or more) and seed as whole numbers; {USAGE}", file=sys.stderr)
        return 2
    try:
        model = ScanModel.read(Path(options["ict"]).expanduser())
    except FlameFileError as error:
        print(error, file=sys.stderr)
        return 1
    calibration = calibrate_people(load_open_head(), model, *map(int, numbers))
    path = calibration.write(Path(options["out"]))
    print(f"wrote {path} ({path.stat().st_size / 1e6:.2f} MB): {calibration.made}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
