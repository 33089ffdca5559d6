"""Rendered portraits with exact truth, in shards: pictures, maps, parameters."""

from __future__ import annotations

from shared.config import SyntheticConfig
from shared.config.loading import load_config
from shared.runs.entry import run_entry

EXAMPLE = """
python -m shared.synthetic out=runs/portraits count=1000 size=256 seed=0
python -m shared.synthetic out=runs/portraits count=100000 landmarks=true processes=2
"""


def main(argv: list[str]) -> int:
    """Parse, run, report."""
    config = load_config(SyntheticConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from shared.synthetic.generate import generate  # after the options, as it takes seconds to import

    if generate(config):
        print(f"{config.count} portraits: {config.out}/shards   to look at: {config.out}/contact_sheet.jpg")
    return 0


if __name__ == "__main__":
    run_entry(main)
