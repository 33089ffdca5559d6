"""From the options of a training run to its network and its samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.runs.errors import UserError
from shared.synthetic.drawn_heads import stored_heads
from shared.synthetic.simulated_detection import DetectionSimulator
from shared.training.run_folder import BAD_SAMPLES
from student.config import StudentAugmentConfig, StudentTrainConfig
from student.data.drawn import DrawnFaces
from student.data.faces import Faces
from student.data.labels import LabelFaces
from student.data.portraits import PortraitFaces
from student.data.sample import SampleMaker
from student.data.source import Share, Source
from student.network.encoder import pretrained_encoder
from student.network.model import HeadLayout, StudentNetwork
from student.network.weights import start_from

CROPS = "crops"  # the labelled faces, cut out, in the run's folder
DRAWN = "drawn_heads.safetensors"  # there too


@dataclass(frozen=True, eq=False)
class Samples:
    """What a run trains on, and what it keeps for validation."""

    training: Source
    held: Source | None  # cut as in live use, nothing varied; None where none are kept


def new_network(config: StudentTrainConfig, model: FlameModel) -> StudentNetwork:
    """A network to train. UserError if the head or the first weights do not suit."""
    try:
        layout = HeadLayout.of(model, config.network.tolerance_m)
        network = StudentNetwork(config.network, layout, pretrained_encoder(config.network))
    except (KeyError, ValueError) as error:
        raise UserError(str(error).strip("'\"")) from error
    if config.initial:
        start_from(network, config.initial)
    return network


def build_samples(config: StudentTrainConfig, network: StudentNetwork, model: FlameModel) -> Samples:
    """All samples of a run. UserError if a folder cannot be used, or if there is nothing to train on."""
    options = config.data
    sources: list[tuple[Faces, float]] = [
        *((_labelled(Path(folder), config, network, model), options.label_weight) for folder in options.labels),
        *((_rendered(Path(folder), config, network, model), options.portrait_weight) for folder in options.portraits),
        *([(_drawn(config, network, model), 1.0)] if options.drawn else []),
    ]
    if not sources:
        raise UserError("nothing to train on: give data.labels=[FOLDER], data.portraits=[FOLDER] or data.drawn=NUMBER")
    training, held = [], []
    for faces, weight in sources:
        kept = _is_held(faces, config.data.held)
        training.append(Share(faces, weight, (~kept).nonzero()[:, 0]))
        if bool(kept.any()):
            held.append(Share(faces, 1.0, kept.nonzero()[:, 0]))

    def source(shares: list[Share], augment: StudentAugmentConfig | None) -> Source:
        return Source(shares, SampleMaker.of(config.network, config.data, augment, model), config.seed)

    return Samples(source(training, config.augment), source(held, None) if held else None)


def _labelled(folder: Path, config: StudentTrainConfig, network: StudentNetwork, model: FlameModel) -> LabelFaces:
    faces = LabelFaces.open(folder, model, network.anchor_m)
    if not network.sees_picture:
        return faces
    pictures = None if config.data.pictures is None else Path(config.data.pictures)
    root, options = Path(config.out), config.network
    return faces.cut(pictures, root / CROPS, options.margin, options.size, root / BAD_SAMPLES)


def _rendered(folder: Path, config: StudentTrainConfig, network: StudentNetwork, model: FlameModel) -> PortraitFaces:
    simulator = _simulator(config, model) if config.data.landmarks == "simulated" else None
    return PortraitFaces.open(folder, model, network.anchor_m, network.sees_picture, simulator)


def _drawn(config: StudentTrainConfig, network: StudentNetwork, model: FlameModel) -> DrawnFaces:
    if network.sees_picture:
        raise UserError("data.drawn: drawn heads have no pictures, which this network sees; give data.drawn=0")
    options = config.data
    simulator = _simulator(config, model)
    heads = stored_heads(Path(config.out) / DRAWN, model, options.drawn, options.drawn_seed, config.workers)
    return DrawnFaces.of(heads, simulator, network.anchor_m, options.drawn_seed)


def _simulator(config: StudentTrainConfig, model: FlameModel) -> DetectionSimulator:
    try:
        return DetectionSimulator.of(model, config.data.landmark_factor)
    except ValueError as error:
        raise UserError(f"{error}; or give data.landmarks=detected and data.drawn=0") from error


def _is_held(faces: Faces, every: int) -> Tensor:
    """(N,) bool: all pictures of every so manieth person."""
    if not every:
        return torch.zeros(len(faces), dtype=torch.bool)
    _, person = torch.unique(faces.persons, return_inverse=True)
    return person % every == every - 1
