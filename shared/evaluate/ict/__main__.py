"""Render people of ICT-FaceKit, a public model of real heads, for `python -m shared.evaluate set=real_heads`."""

from __future__ import annotations

from shared.config import RenderIctConfig
from shared.config.loading import load_config
from shared.runs.entry import run_entry

EXAMPLE = """
git clone https://github.com/ICT-VGL/ICT-FaceKit
python -m shared.evaluate.ict ict=ICT-FaceKit out=runs/ict_heads people=40 seed=0
python -m shared.evaluate method=landmarks set=real_heads path=runs/ict_heads out=runs/landmarks_on_ict
"""


def main(argv: list[str]) -> int:
    """Parse, draw, say what is there."""
    config = load_config(RenderIctConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from shared.evaluate.ict.render import render_ict  # after the options, as it takes seconds to import

    print(f"{render_ict(config)} people, 24 pictures each: {config.out}")
    return 0


if __name__ == "__main__":
    run_entry(main)
