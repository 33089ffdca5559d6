"""Build the open head from MakeHuman's files."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.config import OpenHeadBuildConfig
from shared.config.loading import load_config
from shared.runs.entry import run_entry

EXAMPLE = """
python -m shared.flame.open_head out=shared/assets/open_head.safetensors
"""


def main(argv: list[str]) -> int:
    """Parse, build, write."""
    config = load_config(OpenHeadBuildConfig, argv, about=__doc__ or "", example=EXAMPLE)
    # After the options, as they take seconds to import.
    from shared.flame.open_head import build
    from shared.flame.open_head.makehuman import data_root
    from shared.flame.open_head.write import write_head

    written = write_head(build.sculpt_head(data_root()), Path(config.out))
    for file in written:
        print(f"wrote {file} ({file.stat().st_size / 1e6:.2f} MB)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    run_entry(main)
