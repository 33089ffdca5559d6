"""Train the network that separates identity from expression, on what a prior says of portraits."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from shared.config.loading import load_config
from shared.runs.device import choose_device, keep_freed_memory
from shared.runs.entry import run_entry
from teacher.config import IdentityTrainConfig

EXAMPLE = "python teacher/identity_train.py out=runs/identity data.portraits=[runs/portraits]"


def main(argv: list[str]) -> int:
    """Look, train, write, report."""
    config = load_config(IdentityTrainConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from shared.flame.assets import load_flame  # after the options, as these take seconds to import
    from shared.flame.model import FlameModel
    from teacher.identity.training.examples import collect
    from teacher.identity.training.run import train
    from teacher.identity.weights import save_identity
    from teacher.prior.networks.weights import load_prior
    from teacher.prior.prediction.tools import network_id

    keep_freed_memory()
    prior, model = load_prior(config.prior, choose_device(config.device)), FlameModel(load_flame(config.flame))
    network, figures = train(collect(prior, config, model), config, model)
    vertices = prior.network.vertices
    assert vertices is not None  # or nothing could have been collected
    made = {
        "head_id": prior.head_id,
        "prior": network_id(prior.network),
        "config": asdict(config),
        "figures": asdict(figures),
    }
    path = save_identity(Path(config.out) / "identity.safetensors", network, vertices.cpu(), made)
    print(f"neutral face of {figures.people} people not trained on: {figures.network_mm:.2f} mm rms; linear alone")
    print(f"{figures.linear_mm:.2f} mm, mean head {figures.mean_head_mm:.2f} mm; {path}")
    return 0


if __name__ == "__main__":
    run_entry(main)
