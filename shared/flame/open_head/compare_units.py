"""Compare ARKit's units of a head with scans': `python -m shared.flame.open_head.compare_units ict=FILE.npz`."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.flame.errors import FlameFileError
from shared.flame.open_head.expression_calibration.compare import compare_units, markdown, strengths
from shared.flame.open_head.expression_calibration.record import read_calibration
from shared.flame.open_head.expression_calibration.run import CarriedPeople
from shared.flame.open_head.expression_calibration.scan_units import ScanUnits
from shared.flame.open_head.load import OPEN_HEADS, load_open_head

USAGE = "usage: python -m shared.flame.open_head.compare_units ict=FILE.npz [head=open_head_2] [people=5] [seed=1]"


def main(arguments: list[str]) -> int:
    """Parse ``key=value`` arguments, print the table. Returns the exit status."""
    options = {"ict": "", "head": "open_head_2", "people": "5", "seed": "1"}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or key not in options or (key == "head" and value not in OPEN_HEADS):
            print(f"unknown argument {argument!r}; {USAGE}", file=sys.stderr)
            return 2
        options[key] = value
    if not options["ict"] or not (options["people"].isdecimal() and options["seed"].isdecimal()):
        print(f"needs ict=FILE, and people and seed as whole numbers; {USAGE}", file=sys.stderr)
        return 2
    try:
        units = ScanUnits.read(Path(options["ict"]).expanduser())
    except FlameFileError as error:
        print(error, file=sys.stderr)
        return 1
    head = load_open_head(options["head"])
    carried = CarriedPeople.sample(head, units, int(options["people"]), int(options["seed"]))
    print(markdown(compare_units(head, carried)))
    if head.expression_prior is not None:
        print(strengths(read_calibration()), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
