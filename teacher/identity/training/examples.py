"""What the identity network learns from: views of portraits whose people are known, and their mirror images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader
from tqdm import tqdm

from shared.flame.mediapipe_mesh import mediapipe_mirror
from shared.flame.mirror_codes import mirror_of_codes
from shared.flame.model import FlameModel
from shared.records.tensor_record import concatenate
from shared.runs.device import autocast
from shared.runs.errors import UserError
from shared.training.samples import collate
from teacher.config import CompactConfig, IdentityTrainConfig, PriorTrainConfig
from teacher.evidence.correspondence import SEEN
from teacher.identity.network import IdentityView, Template
from teacher.prior.data.sources import StoredFaces, build_source
from teacher.prior.networks.weights import Prior
from teacher.prior.records import PriorInput, PriorPrediction

_PREDICTED = ("shape", "expression", "jaw")


@dataclass(frozen=True)
class Sides:
    """Features with the truth behind them, of the portraits as they are or mirrored."""

    features: Tensor  # (N, F)
    truth: Tensor  # (N, S + E + 3): shape and expression codes, rotation of the jaw


@dataclass(frozen=True)
class Examples:
    """N views of portraits."""

    plain: Sides
    mirrored: Sides | None  # None where the mirror image of a head is no head of the model
    person: Tensor  # (N,) int64, whom a view shows
    blocks: tuple[int, ...]  # sizes of the features' parts, which are of different kinds

    @property
    def sides(self) -> tuple[Sides, ...]:
        """All there are."""
        return (self.plain,) if self.mirrored is None else (self.plain, self.mirrored)


def collect(prior: Prior, config: IdentityTrainConfig, model: FlameModel) -> Examples:
    """What the prior says of every portrait with landmarks, cut anew in each pass. UserError if there are none."""
    training = PriorTrainConfig(
        out=config.out,
        compact=CompactConfig(size=prior.network.size),
        data=config.data,
        augment=config.augment,
        seed=config.seed,
    )
    vertices = prior.network.vertices
    if vertices is None:
        raise UserError(f"prior={config.prior} predicts no points, from which the identity is predicted")
    source = build_source(training, vertices.cpu(), model.assets)
    shards = [shard for faces in source.faces if isinstance(faces, StoredFaces) for shard in faces.portraits.shards]
    if len(source) != sum(map(len, shards)):
        raise UserError("the identity network is trained on stored portraits alone: give data.portraits=[FOLDER,...]")
    truth = torch.cat([torch.cat([shard.tensors[f"params.{name}"] for name in _PREDICTED], 1) for shard in shards])
    people = torch.tensor([fact["person"] for shard in shards for fact in shard.header["facts"]])
    indices = range(config.passes * len(source))
    loader = DataLoader(source, config.batch_size, sampler=indices, num_workers=config.workers, collate_fn=collate)
    device = next(prior.network.parameters()).device
    views, rows = [], []
    for batch in tqdm(loader, desc="looking", unit="batch", dynamic_ncols=True):
        if batch.sample is None:
            continue
        sample = batch.sample[batch.sample.input.has_landmarks.nonzero()[:, 0]]
        with torch.inference_mode(), autocast(device, config.precision):
            predicted = prior.network(sample.input.to(device))
        views.append(view_of(predicted.to("cpu"), sample.input))
        rows.append(sample.index % len(source))
    if not views:
        raise UserError(f"data.portraits={list(config.data.portraits)}: make portraits with landmarks=true")
    row = torch.cat(rows)
    return examples_of(concatenate(views), truth[row], people[row], model, vertices.cpu())


def view_of(prediction: PriorPrediction, inputs: PriorInput) -> IdentityView:
    """What a compact network with normals says of crops (B, ...)."""
    points, normal = prediction.points, prediction.maps.normal
    assert points is not None
    assert normal is not None
    size = inputs.image.shape[-1]
    pixel = points.pixel_px.float()
    sampled = functional.grid_sample(normal.float(), pixel[:, None] * (2 / size) - 1, align_corners=False)[:, :, 0]
    seen = (points.visible_logit > SEEN) & ((pixel > 0) & (pixel < size)).all(-1)
    return IdentityView(inputs.landmarks_px, pixel, functional.normalize(sampled.transpose(1, 2), dim=-1), seen)


def examples_of(view: IdentityView, truth: Tensor, person: Tensor, model: FlameModel, vertices: Tensor) -> Examples:
    """Views (N, ...) of heads with known truth (N, S + E + 3), and what they look like in a mirror."""
    template, partners = Template.of(model.assets, vertices), model.assets.mirror
    plain = Sides(_features(template, view), truth)
    codes = None if partners is None else mirror_of_codes(model, partners)
    if partners is None or codes is None:
        return Examples(plain, None, person, template.blocks)
    row_of = torch.zeros_like(partners).index_copy_(0, vertices, torch.arange(len(vertices)))
    other = mirrored(view, row_of[partners[vertices]])
    return Examples(plain, Sides(_features(template, other), truth @ codes.T), person, template.blocks)


def mirrored(view: IdentityView, partner: Tensor) -> IdentityView:
    """The view in a mirror. ``partner`` (N,) int64 is the row of each vertex's partner."""
    flip = torch.tensor([-1.0, 1.0, 1.0])
    return IdentityView(
        landmarks_px=view.landmarks_px[:, mediapipe_mirror()] * flip[:2],
        pixel_px=view.pixel_px[:, partner] * flip[:2],
        normal=view.normal[:, partner] * flip,
        seen=view.seen[:, partner],
    )


def _features(template: Template, view: IdentityView) -> Tensor:
    """In 16 bits, some at a time: there are thousands for each of thousands."""
    return torch.cat([template.features(view[rows]).half() for rows in torch.arange(len(view.seen)).split(256)])
