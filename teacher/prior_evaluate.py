"""How good a network of the priors is: degrees and millimetres on rendered faces, photos, and heads of real people."""

from __future__ import annotations

from shared.config.loading import load_config
from shared.runs.device import choose_device
from shared.runs.entry import run_entry
from teacher.config import PriorEvaluateConfig

EXAMPLE = """
python teacher/prior_evaluate.py out=runs/prior_evaluation
python teacher/prior_evaluate.py weights=runs/prior/weights.safetensors out=runs/prior_evaluation photos=DIR
python teacher/prior_evaluate.py out=runs/try first=20
python teacher/prior_evaluate.py set=real_heads path=runs/ict_heads out=runs/prior_on_ict
"""


def main(argv: list[str]) -> int:
    """Parse, judge, report."""
    config = load_config(PriorEvaluateConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from teacher.prior.evaluation.real_run import (
        run_on_real_heads,
    )  # after the options, as these take seconds to import
    from teacher.prior.evaluation.run import run_evaluation
    from teacher.prior.networks.weights import load_prior

    device = choose_device(config.device)
    run = run_on_real_heads if config.set == "real_heads" else run_evaluation
    done = run(load_prior(config.weights, device), config, device)
    print("\n".join(done.lines()))
    print("files: " + "  ".join(str(path) for path in done.files))
    return 0


if __name__ == "__main__":
    run_entry(main)
