"""Build the face networks' ONNX files from the published ones."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from shared.config import LandmarkerBuildConfig
from shared.config.loading import load_config
from shared.runs.entry import run_entry

EXAMPLE = """
python -m shared.landmarker.conversion models=unzipped_wheels out=shared/assets
"""


def main(argv: list[str]) -> int:
    """Parse, convert, write."""
    config = load_config(LandmarkerBuildConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from shared.landmarker.conversion.assets import ASSETS
    from shared.landmarker.conversion.sources import read_source
    from shared.runs.files import write_atomically

    for name, (source, build) in ASSETS.items():
        content = build(read_source(Path(config.models), source)).SerializeToString(deterministic=True)
        path = write_atomically(Path(config.out) / f"{name}.onnx", partial(_write, content))
        print(f"wrote {path} ({len(content) / 1e6:.2f} MB)", file=sys.stderr)
    return 0


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


if __name__ == "__main__":
    run_entry(main)
