"""From the options of `teacher/prior_train.py` to a training run: network, data, loss, the run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from shared.flame.assets import load_flame
from shared.flame.schema import FlameAssets
from shared.runs.device import choose_device, keep_freed_memory, seed_everything
from shared.runs.provenance import git_sha, without_folders
from shared.runs.ranks import Ranks
from shared.synthetic.storage.shards import StoredPortraits
from shared.training.run_folder import claim_run
from shared.training.samples import collate
from shared.training.task import Task
from shared.training.trainer import Outcome, Trainer
from teacher.config import PriorDataConfig, PriorTrainConfig
from teacher.prior.data.sources import build_source
from teacher.prior.evaluation.validation import validation
from teacher.prior.networks.build import build_network
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.networks.weights import save_prior, start_from
from teacher.prior.records import PriorPrediction, PriorTarget
from teacher.prior.training.losses import FaceRegion, prior_loss
from teacher.prior.training.picture import sample_picture

SCHEMA = "pixel3dmm-distill/prior-run/1"
_SHOWN = ("total", "uv_mm", "normal_deg", "points_px")  # terms of the loss


def train_prior(config: PriorTrainConfig, ranks: Ranks) -> Outcome:
    """Train, or go on with what is in the folder. UserError, StorageError: something the user can put right."""
    keep_freed_memory()
    assets = load_flame(config.flame)
    ranks.after_first(lambda: claim_run(config, SCHEMA, assets.head_id))
    seed_everything(config.seed)
    network_config = config.compact if config.family == "compact" else config.vit
    network = build_network(config.family, network_config, config.data.normals, assets)
    if config.initial:
        start_from(network, Path(config.initial))
    task = prior_task(config, network, build_source(config, network.vertices, assets), assets)
    if config.validation and ranks.rank == 0:
        device = choose_device(config.device, ranks.local_rank)
        task = replace(task, validate=validation(assets, network, config.validation, device))
    trainer = Trainer(config, task, ranks)
    if ranks.rank == 0:
        millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
        count = trainer.progress.sample_count
        print(f"{config.family}, {millions:.1f} M parameters, {count} samples, on {trainer.device}")
    return trainer.run()


def prior_task(
    config: PriorTrainConfig, network: PriorNetwork, source: Dataset[Any], assets: FlameAssets
) -> Task[PriorNetwork]:
    """What a run with these options trains, towards the losses of the priors, without validation."""
    loss = partial(_loss, config, FaceRegion.of(assets, network.vertices))
    save = partial(_save_weights, config, assets.head_id)
    return Task(network, source, collate, loss, sample_picture, save, shown=_SHOWN)


def _loss(
    config: PriorTrainConfig, face: FaceRegion, prediction: PriorPrediction, target: PriorTarget
) -> tuple[Any, dict[str, Any]]:
    return prior_loss(prediction, target, config.loss, face.to(target.normal.device))


def _save_weights(
    config: PriorTrainConfig, head_id: str, path: Path, network: PriorNetwork, made: Mapping[str, Any]
) -> None:
    network_config = config.compact if config.family == "compact" else config.vit
    training = {name: value for name, value in asdict(config).items() if name not in ("out", "overwrite")}
    facts = {"git_sha": git_sha(), "training": training, "portraits": _portrait_facts(config.data), **made}
    save_prior(path, network, config.family, network_config, head_id, without_folders(facts))


def _portrait_facts(config: PriorDataConfig) -> list[dict[str, Any]]:
    """What is known of each folder of portraits: how many, and how they were made, seeds included."""
    stored = [StoredPortraits(Path(folder)) for folder in config.portraits]
    return [
        {"count": len(one), **{name: one.shards[0].header.get(name) for name in ("config", "git_sha")}}
        for one in stored
    ]
