"""Training of the identity network on what a prior says of portraits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from shared.config import CompactConfig, IdentityTrainConfig, PriorTrainConfig
from shared.flame.code_basis import CodeBasis
from shared.flame.model import FlameModel
from shared.flame.points import FlamePoints
from shared.runtime import UserError
from shared.tensor_files import write_tensors
from teacher.identity.network import IdentityNetwork, features
from teacher.prior.data.sources import StoredFaces, build_source, collate
from teacher.prior.networks.weights import Prior

SCHEMA = "pixel3dmm-distill/identity/1"


@dataclass(frozen=True)
class Examples:
    """Features with the truth behind them."""

    seen: Tensor  # (N, F) float16
    shape: Tensor  # (N, S)


@dataclass(frozen=True)
class IdentityFigures:
    """On people that were not trained on, millimetres over the face after nothing but the neutral pose."""

    network_mm: float  # rms distance of the face's vertices, mean over people
    mean_head_mm: float


def collect(prior: Prior, config: IdentityTrainConfig, model: FlameModel) -> Examples:
    """What the prior says of every portrait, cut anew in each pass. UserError if there are no portraits."""
    compact = CompactConfig(size=prior.network.size)
    training = PriorTrainConfig(
        out=config.out, compact=compact, data=config.data, augment=config.augment, seed=config.seed
    )
    source = build_source(training, prior.network.vertices, model.assets)
    shapes = [
        shard.tensors["params.shape"]
        for faces in source.faces
        if isinstance(faces, StoredFaces)
        for shard in faces.portraits.shards
    ]
    if not shapes:
        raise UserError("the identity network is trained on stored portraits: give data.portraits=[FOLDER,...]")
    truth = torch.cat(shapes)
    indices = range(config.passes * len(source))
    loader = DataLoader(source, config.batch_size, sampler=indices, num_workers=config.workers, collate_fn=collate)
    seen, rows = [], []
    device = next(prior.network.parameters()).device
    for batch in tqdm(loader, desc="looking", unit="batch", dynamic_ncols=True):
        if batch.sample is None:
            continue
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            predicted = prior.network(batch.sample.input.to(device))
        seen.append(features(predicted, prior.network.size).half().cpu())
        rows.append(batch.sample.index % len(source))
    return Examples(torch.cat(seen), truth[torch.cat(rows)])


def train(
    examples: Examples, config: IdentityTrainConfig, model: FlameModel
) -> tuple[IdentityNetwork, IdentityFigures]:
    """Fit the network; people of the last twentieth of the portraits are kept for the figures."""
    torch.manual_seed(config.seed)
    directions = shape_directions(model, config.tolerance_m)
    wanted = examples.shape @ directions
    held = max(1, len(wanted) // (20 * config.passes))
    is_held = torch.arange(len(wanted)) % (len(wanted) // config.passes) >= len(wanted) // config.passes - held
    network = IdentityNetwork(examples.seen.shape[1], directions)
    kept = (~is_held).nonzero()[:, 0]
    network.standardise(examples.seen[kept[:4096]].float())
    optimiser = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    total = config.epochs * (len(kept) // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total)
    generator = torch.Generator().manual_seed(config.seed)
    with tqdm(total=total, unit="step", dynamic_ncols=True) as bar:
        for _ in range(config.epochs):
            order = kept[torch.randperm(len(kept), generator=generator)]
            for rows in order.split(config.batch)[: len(kept) // config.batch]:
                said = network(examples.seen[rows].float())
                error = wanted[rows] - said.mean
                # The spread is judged by the likelihood of an error that it cannot change.
                doubt = (error.detach() / said.std) ** 2 / 2 + said.std.log()
                loss = (error**2).mean() + config.weight_doubt * doubt.mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                bar.update()
                bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    network.eval()
    return network, judge(network, examples, is_held.nonzero()[:, 0], model)


def shape_directions(model: FlameModel, tolerance_m: float) -> Tensor:
    """(S, D) directions of the shape codes that move the face, the strongest first."""
    face = model.assets.region("face").nonzero()[:, 0]
    points = FlamePoints.from_vertices(model, face)
    return CodeBasis.of(points.displacements(), points.sizes, tolerance_m).shape


@torch.no_grad()
def judge(network: IdentityNetwork, examples: Examples, rows: Tensor, model: FlameModel) -> IdentityFigures:
    """Compare shapes of the neutral head, vertex by vertex, without alignment."""
    face = model.assets.region("face").nonzero()[:, 0]
    moves = model.blendshapes[face][..., : model.n_shape]  # (V, 3, S)
    said = network(examples.seen[rows].float()).mean @ network.directions.T

    def distance_mm(shape: Tensor) -> float:
        off = torch.einsum("vks,bs->bvk", moves, shape)
        off = off - off.mean(1, keepdim=True)
        return 1e3 * float(off.square().sum(-1).mean(1).sqrt().mean())

    return IdentityFigures(distance_mm(examples.shape[rows] - said), distance_mm(examples.shape[rows]))


def save(path: Path, network: IdentityNetwork, header: dict[str, object]) -> Path:
    """Weights as fp16."""
    state = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    return write_tensors(path, state, {**header, "schema": SCHEMA})
