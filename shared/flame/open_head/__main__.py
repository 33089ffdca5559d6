"""Build an open head: `python -m shared.flame.open_head [head=open_head_2] [out=FILE]`."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.flame.errors import FlameFileError
from shared.flame.open_head.base_mesh import ASSET as BASE_MESH
from shared.flame.open_head.base_mesh import write_base_mesh
from shared.flame.open_head.build import build
from shared.flame.open_head.calibration.record import Calibration
from shared.flame.open_head.expression_calibration.record import read_calibration
from shared.flame.open_head.load import OPEN_HEADS, load_open_head
from shared.flame.open_head.makehuman import MissingDataError, data_root
from shared.flame.open_head.write import write_asset, write_overlay

ASSETS = Path(__file__).parents[2] / "assets"
USAGE = "usage: python -m shared.flame.open_head [head=open_head|open_head_2] [out=FILE]"


def main(arguments: list[str]) -> int:
    """Parse ``key=value`` arguments, build, write the head and, beside it, its base mesh. Returns the exit status."""
    options = {"head": "open_head", "out": ""}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or key not in options or (key == "head" and value not in OPEN_HEADS):
            print(f"unknown argument {argument!r}; {USAGE}", file=sys.stderr)
            return 2
        options[key] = value
    name = options["head"]
    path = Path(options["out"] or ASSETS / OPEN_HEADS[name])
    written = [path]
    try:
        if name == "open_head":
            head = build(data_root())
            write_asset(path, head.tensors, head.metadata)
            written.append(path.with_name(BASE_MESH))  # holds for the heads calibrated on this one too
            write_base_mesh(written[-1], head.base_mesh, load_open_head(path).head_id)
        else:
            base = load_open_head()
            head = build(data_root(), base, Calibration.read(), read_calibration())
            write_overlay(path, head.tensors, head.metadata, base.head_id, name.replace("_", "-"))
    except (MissingDataError, FlameFileError) as error:
        print(error, file=sys.stderr)
        return 1
    for file in written:
        print(f"wrote {file} ({file.stat().st_size / 1e6:.2f} MB)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
