"""Build the open head: `python -m shared.flame.open_head [out=FILE]`."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.flame.open_head.base_mesh import ASSET, write_base_mesh
from shared.flame.open_head.build import build
from shared.flame.open_head.load import load_open_head
from shared.flame.open_head.makehuman import MissingDataError, data_root
from shared.flame.open_head.write import write_asset

DEFAULT = Path(__file__).parents[2] / "assets" / "open_head.safetensors"


def main(arguments: list[str]) -> int:
    """Parse ``key=value`` arguments, build, write the head and, beside it, its base mesh. Returns the exit status."""
    options = {"out": str(DEFAULT)}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or key not in options:
            print(f"unknown argument {argument!r}; usage: python -m shared.flame.open_head [out=FILE]", file=sys.stderr)
            return 2
        options[key] = value
    try:
        head = build(data_root())
    except MissingDataError as error:
        print(error, file=sys.stderr)
        return 1
    path = Path(options["out"])
    write_asset(path, head.tensors, head.metadata)
    base_mesh = path.with_name(ASSET)
    write_base_mesh(base_mesh, head.base_mesh, load_open_head(path).head_id)
    for written in (path, base_mesh):
        print(f"wrote {written} ({written.stat().st_size / 1e6:.2f} MB)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
