"""Train a network that predicts normals, UV, parts and points from face crops."""

from __future__ import annotations

from shared.config.loading import load_config
from shared.runs.entry import run_entry
from shared.runs.ranks import training_ranks
from teacher.config import PriorTrainConfig

EXAMPLE = """
accelerate launch teacher/prior_train.py configs/teacher/prior_compact.yaml out=runs/prior
accelerate launch --multi_gpu --num_processes 2 teacher/prior_train.py configs/teacher/prior_vit_base.yaml out=runs/vit
torchrun --nproc_per_node 2 teacher/prior_train.py configs/teacher/prior_compact.yaml out=runs/prior device=cpu
"""


def main(argv: list[str]) -> int:
    """Parse, train, report."""
    config = load_config(PriorTrainConfig, argv, about=__doc__ or "", example=EXAMPLE)
    ranks = training_ranks()
    from teacher.prior.training.run import train_prior  # after the options, as it takes seconds to import

    outcome = train_prior(config, ranks)
    if ranks.rank == 0:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in outcome.validation.items())
        print(f"{outcome.progress.step} steps, {outcome.progress.minutes:.1f} minutes; {figures or 'not validated'}")
        print(f"weights: {outcome.weights}   curves: tensorboard --logdir {config.out}")
    return 0


if __name__ == "__main__":
    run_entry(main)
