"""Measure where a prior sees the vertices of a head on average, so that the fit can take that away."""

from __future__ import annotations

from pathlib import Path

from shared.config.loading import load_config
from shared.runs.device import choose_device
from shared.runs.entry import run_entry
from shared.runs.errors import UserError
from teacher.config import FitRunConfig, PriorNoiseConfig

EXAMPLE = "python teacher/prior_noise.py weights=runs/prior/weights.safetensors portraits=runs/portraits_of_others"


def main(argv: list[str]) -> int:
    """Look, measure, write beside the weights, report."""
    config = load_config(PriorNoiseConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from shared.flame.assets import load_flame  # after the options, as these take seconds to import
    from shared.flame.model import FlameModel
    from shared.runs.provenance import git_sha
    from shared.synthetic.storage.arrays import PortraitError
    from shared.synthetic.storage.shards import StoredPortraits
    from teacher.evidence.vertex_noise import save_noise
    from teacher.pipeline.dense_prior import DensePrior
    from teacher.prior.evaluation.vertex_noise import measure_noise, summary

    run = FitRunConfig(prior=config.weights, flame=config.flame, batch_size=1)
    model = FlameModel(load_flame(config.flame))
    prior = DensePrior.load(run, model, choose_device(config.device))
    assert prior is not None
    try:
        portraits = StoredPortraits(Path(config.portraits))
    except PortraitError as error:
        raise UserError(f"portraits={error}") from error
    noise, errors = measure_noise(prior, model, portraits)
    figures = summary(noise, errors)
    made = {"head_id": model.assets.head_id, "git_sha": git_sha(), "portraits": len(errors.seen), **figures}
    path = save_noise(config.weights, prior.vertices, noise, made)
    print(f"{len(errors.seen)} portraits: " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()))
    print(path)
    return 0


if __name__ == "__main__":
    run_entry(main)
