"""Let a network learn one person by heart, from many views: smooth UV, matching normals, or something is wrong."""

from __future__ import annotations

from shared.config.loading import load_config
from shared.runs.entry import run_entry
from teacher.config import OverfitConfig

EXAMPLE = """
python teacher/prior_overfit.py out=runs/overfit
python teacher/prior_overfit.py out=runs/overfit_vit family=vit vit.output=normal vit.pretrained=none device=cuda
"""


def main(argv: list[str]) -> int:
    """Parse, train, report."""
    config = load_config(OverfitConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from teacher.prior.training.overfit import (  # after the options, as it takes seconds to import
        FIGURES,
        SHEET,
        overfit,
    )

    figures = overfit(config)
    if figures.normal_deg is not None:
        print(f"normals: {figures.normal_deg:.2f} degrees from the truth, on average")
    if figures.uv is not None:
        print(f"UV: {figures.uv:.4f} of the texture's side from the truth, on average")
    print(f"{config.out}/{FIGURES}   {config.out}/{SHEET}")
    return 0


if __name__ == "__main__":
    run_entry(main)
