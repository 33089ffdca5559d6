"""Judge a method on pictures with known geometry, or look how it does on photos: a table, results.json, report.html."""

from __future__ import annotations

from shared.config import EvaluateConfig
from shared.config.loading import load_config
from shared.runs.entry import run_entry
from shared.runs.ranks import Ranks

EXAMPLE = """
python -m shared.evaluate method=landmarks out=runs/landmarks_known
python -m shared.evaluate method=landmarks focal=guessed out=runs/landmarks_guessed processes=2
python -m shared.evaluate method=mine:method set=photos out=runs/mine_photos
python -m shared.evaluate.compare runs/landmarks_known runs/landmarks_guessed
"""


def main(argv: list[str]) -> int:
    """Parse, judge, print."""
    config = load_config(EvaluateConfig, argv, about=__doc__ or "", example=EXAMPLE)
    if config.submission != "none":
        from shared.evaluate.submit import submit  # after the options, as these take seconds to import

        print("\n".join(submit(config)))
        return 0
    from shared.evaluate.run import evaluate

    results = evaluate(config)
    if results is not None:
        print("\n".join(results.lines()))
        print(f"report: {config.out}/report.html   numbers: {config.out}/results.json")
    elif Ranks.from_environment().parent is None:
        print("other processes are still at work, and the last one reports; if none is, run the same command again")
    return 0


if __name__ == "__main__":
    run_entry(main)
