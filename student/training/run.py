"""From the options of `student/train.py` to a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.labels.shard import read_labels
from shared.runs.device import choose_device, keep_freed_memory, seed_everything
from shared.runs.provenance import git_sha, without_folders
from shared.runs.ranks import Ranks
from shared.synthetic.storage.shards import StoredPortraits
from shared.training.run_folder import claim_run
from shared.training.samples import collate
from shared.training.task import Task
from shared.training.trainer import Outcome, Trainer
from student.config import StudentTrainConfig
from student.data.source import Source
from student.network.model import StudentNetwork
from student.network.weights import save_student
from student.training.build import build_samples, new_network
from student.training.losses import StudentLoss
from student.training.pairs import PairSampler
from student.training.picture import sample_picture
from student.training.validation import validation

SCHEMA = "pixel3dmm-distill/student-run/1"
_SHOWN = ("total", "vertices", "neutral", "landmarks")  # terms of the loss


def train_student(config: StudentTrainConfig, ranks: Ranks) -> Outcome:
    """Train, or go on with what is in the folder. UserError, StorageError: something the user can put right."""
    keep_freed_memory()
    model = FlameModel(load_flame(config.flame))
    ranks.after_first(lambda: claim_run(config, SCHEMA, model.assets.head_id))
    seed_everything(config.seed)
    network = new_network(config, model)
    samples = build_samples(config, network, model)
    task = student_task(config, network, samples.training, model, choose_device(config.device, ranks.local_rank))
    if ranks.rank == 0:
        on_cpu = StudentLoss.of(config.loss, model, network.basis, network.anchor_m.clone())
        validate = validation(model, on_cpu, samples.held, config.validation)
        task = replace(task, validate=validate)
    trainer = Trainer(config, task, ranks)
    if ranks.rank == 0:
        millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
        what = config.network.backbone if network.sees_picture else "landmarks alone"
        print(f"{what}, {millions:.1f} M parameters, {len(samples.training)} samples, on {trainer.device}")
    return trainer.run()


def student_task(
    config: StudentTrainConfig, network: StudentNetwork, source: Source, model: FlameModel, device: torch.device
) -> Task[Any]:
    """What a run with these options trains on a device, without validation; ``model`` is on the CPU.

    UserError if the options contradict each other.
    """
    there = FlameModel(model.assets).to(device)
    loss = StudentLoss.of(config.loss, there, network.basis, network.anchor_m)
    save = partial(_save_weights, config, model.assets.head_id)
    persons = source.persons().numpy()

    def sampler(count: int, batch_size: int, seed: int, rank: int, world: int, first_step: int) -> PairSampler:
        return PairSampler(persons, batch_size, seed, rank, world, first_step)

    picture = partial(sample_picture, model=model)
    return Task(network, source, collate, loss, picture, save, sampler=sampler, shown=_SHOWN)


def _save_weights(
    config: StudentTrainConfig, head_id: str, path: Path, network: StudentNetwork, made: Mapping[str, Any]
) -> None:
    training = {name: value for name, value in asdict(config).items() if name not in ("out", "overwrite")}
    facts = {"git_sha": git_sha(), "training": training, "data": _data_facts(config), **made}
    save_student(path, network, head_id, without_folders(facts))


def _data_facts(config: StudentTrainConfig) -> list[dict[str, Any]]:
    """What is known of each source: how many faces, and how they were made."""
    facts: list[dict[str, Any]] = []
    if config.data.drawn:
        facts.append({"kind": "drawn heads", "count": config.data.drawn, "seed": config.data.drawn_seed})
    for folder in config.data.portraits:
        stored = StoredPortraits(Path(folder))
        header = stored.shards[0].header
        facts.append({"kind": "portraits", "count": len(stored), **{k: header.get(k) for k in ("config", "git_sha")}})
    for folder in config.data.labels:
        labels = read_labels(folder)
        known = {name: labels.provenance.get(name) for name in ("config_hash", "git_sha", "schema")}
        facts.append({"kind": "labels", "count": len(labels), **known})
    return facts
