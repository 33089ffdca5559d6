"""Label a dataset: photos and clips become FLAME parameters and cameras, in shards, with a report."""

from __future__ import annotations

from shared.config.loading import load_config
from shared.runs.entry import run_entry
from shared.runs.ranks import Ranks
from teacher.config import FitDatasetConfig

EXAMPLE = """
accelerate launch teacher/fit_dataset.py configs/teacher/fit_dataset.yaml inputs=photos out=runs/labels
python teacher/fit_dataset.py inputs=photos out=runs/labels faces=all processes=2
"""


def main(argv: list[str]) -> int:
    """Parse, run, report."""
    config = load_config(FitDatasetConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from teacher.dataset.run import run_dataset  # after the options, as it takes seconds to import

    ranks = Ranks.from_environment()
    outcome = run_dataset(config, ranks)
    if outcome.summary and ranks.parent is None:
        print("\n".join(outcome.summary.lines()))
        print(f"labels: {config.out}/labels   report: {config.out}/report.html")
    return 0


if __name__ == "__main__":
    run_entry(main)
