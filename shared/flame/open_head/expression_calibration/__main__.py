"""Measure the face units on scans: `python -m shared.flame.open_head.expression_calibration ict=FILE.npz`."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.flame.errors import FlameFileError
from shared.flame.open_head.build import build
from shared.flame.open_head.calibration.record import Calibration
from shared.flame.open_head.expression_calibration.record import ASSET, write_calibration
from shared.flame.open_head.expression_calibration.run import CarriedPeople, calibrate_expressions
from shared.flame.open_head.expression_calibration.scan_units import ScanUnits
from shared.flame.open_head.load import load_open_head
from shared.flame.open_head.makehuman import MissingDataError, data_root

HEAD = "open_head_2"
DEFAULT = Path(__file__).parents[1] / "data" / ASSET
MODULE = "shared.flame.open_head.expression_calibration"
USAGE = f"usage: python -m {MODULE} ict=FILE.npz [people=11] [faces=1200] [seed=1] [out=FILE]"


def main(arguments: list[str]) -> int:
    """Parse ``key=value`` arguments, measure, write the numbers. Returns the exit status."""
    options = {"ict": "", "people": "11", "faces": "1200", "seed": "1", "out": str(DEFAULT)}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or key not in options or (key in ("people", "faces", "seed") and not value.isdigit()):
            print(f"unknown argument {argument!r}; {USAGE}", file=sys.stderr)
            return 2
        options[key] = value
    if not options["ict"]:
        print(f"which scan model? {USAGE}", file=sys.stderr)
        return 2
    seed = int(options["seed"])
    try:
        units = ScanUnits.read(Path(options["ict"]))
        base, head = load_open_head(), load_open_head(HEAD)
        built = build(data_root(), base, Calibration.read())
        carried = CarriedPeople.sample(head, units, int(options["people"]), seed)
        assert head.arkit is not None
        measured = calibrate_expressions(head, built.sculpts, carried, head.arkit, int(options["faces"]), seed)
    except (MissingDataError, FlameFileError) as error:
        print(error, file=sys.stderr)
        return 1
    source = (
        f"units of ICT-FaceKit (MIT, USC Institute for Creative Technologies) on its average person and "
        f"{options['people']} sampled ones, seed {seed}; second moment over {options['faces']} drawn faces"
    )
    write_calibration(Path(options["out"]), measured, source)
    print(f"wrote {options['out']}: {len(measured.controls.vertex)} controls", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
