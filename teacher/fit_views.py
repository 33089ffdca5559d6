"""Fit one person to several pictures at once: views of one moment, or a collection of photos."""

from __future__ import annotations

from shared.config.loading import load_config
from shared.runs.device import choose_device, one_thread
from shared.runs.entry import run_entry
from teacher.config import FitViewsConfig

EXAMPLE = """
python teacher/fit_views.py inputs=photos_of_one_person out=runs/person
python teacher/fit_views.py inputs=rig out=runs/moment one_moment=true cameras=rig/cameras.json
"""


def main(argv: list[str]) -> int:
    """Parse, fit, report."""
    config = load_config(FitViewsConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from teacher.pipeline.tools import build_tools
    from teacher.runs.views import fit_views

    one_thread()
    files = fit_views(config, build_tools(config, choose_device(config.device)))
    print(f"files: {len(files)} in {config.out}, such as {files[0]}")
    return 0


if __name__ == "__main__":
    run_entry(main)
