"""The paper's first experiment: a network learns a single person by heart, from many views.

What it says of these views afterwards shows what network, losses and data can do at best: the UV map should come out
smooth, and the normals match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from shared.config import SyntheticConfig
from shared.flame.assets import load_flame
from shared.flame.schema import FlameAssets
from shared.images.encode import write_jpeg
from shared.records.tensor_record import stack
from shared.runs.device import seed_everything
from shared.runs.files import write_json
from shared.runs.manifest import claim
from shared.runs.ranks import Ranks
from shared.synthetic.generate import build_studio
from shared.synthetic.studio import Order
from shared.training.run_folder import MADE
from shared.training.trainer import Trainer
from teacher.config import OverfitConfig, PriorDataConfig, PriorLossConfig, PriorTrainConfig
from teacher.prior.data.sample import SampleMaker
from teacher.prior.networks.build import build_network
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.prediction.pictures import heat, normal_colours, photo, uv_colours
from teacher.prior.records import PriorPrediction, PriorSample
from teacher.prior.training.run import prior_task

SCHEMA = "pixel3dmm-distill/prior-overfit/1"
FIGURES, SHEET = "overfit.json", "overfit.jpg"
_WORST_DEG, _WORST_UV = 10.0, 0.02  # drawn as the greatest
_ROWS = 8


@dataclass(frozen=True)
class OverfitFigures:
    """Means over all pixels of all views where the truth is known; None for what the network does not predict."""

    normal_deg: float | None
    uv: float | None  # distance in units of the texture's side


class HeldSamples(Dataset[PriorSample]):
    """Samples in memory, the same in each epoch."""

    def __init__(self, samples: Sequence[PriorSample]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> PriorSample:
        return self.samples[index % len(self.samples)]


def overfit(config: OverfitConfig) -> OverfitFigures:
    """Draw the views, train on them, and write figures and picture. UserError, StorageError as in a training run."""
    assets, training = load_flame(config.flame), training_of(config)
    _claim(config, assets.head_id)
    seed_everything(config.seed)
    network_config = training.compact if config.family == "compact" else training.vit
    network = build_network(config.family, network_config, training.data.normals, assets)
    samples = draw_views(config, assets, network)
    trainer = Trainer(training, prior_task(training, network, HeldSamples(samples), assets), Ranks())
    trainer.run()
    predictions = predict(trainer.average.network, samples, trainer.device)
    figures = judge(predictions, samples)
    root = Path(config.out)
    write_json(root / FIGURES, {**asdict(figures), "views": config.views, "steps": trainer.progress.step})
    rows = [
        np.hstack(_row(sample, prediction)) for sample, prediction in zip(samples[:_ROWS], predictions, strict=False)
    ]
    write_jpeg(root / SHEET, np.vstack(rows))
    return figures


def training_of(config: OverfitConfig) -> PriorTrainConfig:
    """The same run as an ordinary one, whose samples never vary and never show landmarks, and of maps alone."""
    shared = ("out", "seed", "family", "vit", "flame", "batch_size", "steps", "minutes", "learning_rate")
    return PriorTrainConfig(
        **{name: getattr(config, name) for name in (*shared, "precision", "device", "overwrite")},
        compact=replace(config.compact, points=0),
        # With the weights of ordinary runs UV fits long before the normals: 20 degrees against 6 after 600 steps.
        loss=PriorLossConfig(normal=20.0, part=0.05),
        data=PriorDataConfig(landmark_share=0.0),
        weight_decay=0.0,
        warmup_steps=50,
        ema=0.99,
        workers=0,
        validation=0,
        validation_steps=config.steps,
    )


def draw_views(config: OverfitConfig, assets: FlameAssets, network: PriorNetwork) -> list[PriorSample]:
    """``config.views`` portraits of one person, at rest and posed by turns, cut as for a prediction."""
    options = SyntheticConfig(size=network.size, makehuman_assets=config.makehuman_assets, flame=config.flame)
    studio = build_studio(options)
    data = PriorDataConfig(landmark_share=0.0, normals=network.frame)
    maker = SampleMaker.of(assets, data, None, network.size, network.vertices)
    orders = [Order(config.seed, i, 0, "posed" if i % 2 else "neutral") for i in range(config.views)]
    rng = np.random.default_rng(config.seed)  # without augmentation, no chance
    return [maker.sample(studio.portrait(order), None, rng, order.index) for order in orders]


@torch.inference_mode()
def predict(network: PriorNetwork, samples: Sequence[PriorSample], device: torch.device) -> list[PriorPrediction]:
    """Predictions on the CPU, one a sample, without leading dimension."""
    return [network(stack([sample.input]).to(device)).map(lambda t: t[0].cpu()) for sample in samples]


def judge(predictions: Sequence[PriorPrediction], samples: Sequence[PriorSample]) -> OverfitFigures:
    """Compare with the truth."""
    errors = [_errors(prediction, sample) for prediction, sample in zip(predictions, samples, strict=True)]
    normals, places = ([one[kind] for one in errors] for kind in (0, 1))
    masks = ([s.target.normal_mask for s in samples], [s.target.uv_mask for s in samples])
    return OverfitFigures(_mean(normals, masks[0]), _mean(places, masks[1]))


def _errors(prediction: PriorPrediction, sample: PriorSample) -> tuple[Tensor | None, Tensor | None]:
    """(S, S) degrees, and distances in UV, for each pixel."""
    maps, target = prediction.maps, sample.target
    degrees = distance = None
    if maps.normal is not None:
        chord = (maps.normal - target.normal).norm(dim=0)
        degrees = torch.rad2deg(2 * torch.asin((chord / 2).clamp(max=1)))
    if maps.uv is not None:
        distance = (maps.uv - target.uv).norm(dim=0)
    return degrees, distance


def _mean(errors: Sequence[Tensor | None], masks: Sequence[Tensor]) -> float | None:
    judged = [error[mask] for error, mask in zip(errors, masks, strict=True) if error is not None]
    return float(torch.cat(judged).mean()) if judged else None


def _row(sample: PriorSample, prediction: PriorPrediction) -> list[np.ndarray]:
    """Photo, then prediction, truth and error of UV and of normals, as far as they are predicted."""
    maps, target = prediction.maps, sample.target
    cells = [photo(sample.input.image)]
    degrees, distance = _errors(prediction, sample)
    if maps.uv is not None and distance is not None:
        cells += [uv_colours(maps.uv, target.uv_mask), uv_colours(target.uv, target.uv_mask)]
        cells.append(heat(distance * target.uv_mask, _WORST_UV))
    if maps.normal is not None and degrees is not None:
        cells.append(normal_colours(maps.normal, target.normal_mask, maps.frame))
        cells.append(normal_colours(target.normal, target.normal_mask, maps.frame))
        cells.append(heat(degrees * target.normal_mask, _WORST_DEG))
    return cells


def _claim(config: OverfitConfig, head_id: str) -> None:
    free = ("out", "device", "overwrite", "steps", "minutes")
    values = {name: value for name, value in asdict(config).items() if name not in free}
    manifest = {"schema": SCHEMA, "head_id": head_id, "config": values}
    claim(Path(config.out), manifest, (*MADE, FIGURES, SHEET), config.overwrite)
