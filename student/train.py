"""Train a student, a network that predicts a head in one pass, on the teacher's labels and on synthetic faces."""

from __future__ import annotations

from shared.config.loading import load_config
from shared.runs.entry import run_entry
from shared.runs.ranks import training_ranks
from student.config import StudentTrainConfig

EXAMPLE = """
accelerate launch student/train.py configs/student/base.yaml data.labels=[runs/labels] out=runs/student
accelerate launch student/train.py configs/student/nano.yaml data.portraits=[runs/portraits] out=runs/nano
torchrun --nproc_per_node 2 student/train.py configs/student/base.yaml data.portraits=[DIR] out=runs/student device=cpu
"""


def main(argv: list[str]) -> int:
    """Parse, train, report."""
    config = load_config(StudentTrainConfig, argv, about=__doc__ or "", example=EXAMPLE)
    ranks = training_ranks()
    from student.training.run import train_student  # after the options, as it takes seconds to import

    outcome = train_student(config, ranks)
    if ranks.rank == 0:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in outcome.validation.items())
        print(f"{outcome.progress.step} steps, {outcome.progress.minutes:.1f} minutes; {figures or 'not validated'}")
        print(f"weights: {outcome.weights}   curves: tensorboard --logdir {config.out}")
    return 0


if __name__ == "__main__":
    run_entry(main)
