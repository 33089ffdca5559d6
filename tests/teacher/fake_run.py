"""`teacher/fit_dataset.py` with the fakes, as a script that can be launched and killed."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.config.loading import load_config
from shared.runs.entry import run_entry
from teacher.config import FitDatasetConfig


def main(argv: list[str]) -> int:
    """The first argument is ``seconds=``, the time that a face takes."""
    import teacher.dataset.run_folder
    from teacher.dataset.run import run_dataset
    from tests.teacher.fakes import fake_tools

    teacher.dataset.run_folder.git_sha = lambda: "test"  # a commit during the test would change the bytes
    seconds = float(argv.pop(0).removeprefix("seconds="))
    outcome = run_dataset(load_config(FitDatasetConfig, argv), tools=fake_tools(seconds))
    if outcome.summary:
        print("finished")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    run_entry(main)
