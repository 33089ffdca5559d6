"""Training of the identity network on what a prior says of portraits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from shared.config import IdentityTrainConfig
from shared.flame.code_basis import CodeBasis
from shared.flame.model import FlameModel
from shared.flame.points import FlamePoints
from teacher.evidence import IdentityEvidence
from teacher.identity.examples import Examples, Sides
from teacher.identity.network import IdentityNetwork

_RIDGE = 1e-6  # of the variance of a block's features, for directions in which they do not vary


@dataclass(frozen=True)
class IdentityFigures:
    """On views of people that were not trained on: the neutral face in millimetres rms, beside any rigid motion."""

    people: int
    network_mm: float
    linear_mm: float  # the best linear map of the same features, by ridge regression
    mean_head_mm: float
    error_over_std: float  # rms


@dataclass(frozen=True)
class Whitening:
    """Principal directions of each block of features, at a spread of 1."""

    middle: Tensor  # (F,)
    blocks: tuple[Tensor, ...]  # (f, k) of each block

    @staticmethod
    def of(features: Tensor, sizes: tuple[int, ...], kept: int) -> Whitening:
        """Of samples (N, F) whose blocks have these sizes, of which at most ``kept`` directions stay."""
        middle = features.float().mean(0)
        blocks = []
        for block, mean in zip(features.split(sizes, 1), middle.split(sizes), strict=True):
            off = block.float() - mean
            variance, directions = torch.linalg.eigh(off.T @ off / len(off))
            variance, directions = variance[-kept:], directions[:, -kept:]
            blocks.append(directions / (variance + _RIDGE * variance[-1]).sqrt())
        return Whitening(middle, tuple(blocks))

    def __call__(self, features: Tensor) -> Tensor:
        """(N, F) -> (N, K)."""
        sizes = [len(block) for block in self.blocks]
        parts = (features.float() - self.middle).split(sizes, 1)
        return torch.cat([part @ block for part, block in zip(parts, self.blocks, strict=True)], 1)

    def fold(self, layer: torch.nn.Linear) -> torch.nn.Linear:
        """The layer (of whitened features) as one of the features themselves."""
        weight = layer.weight.detach() @ torch.block_diag(*self.blocks).T
        folded = torch.nn.Linear(len(self.middle), len(weight))
        folded.weight.data, folded.bias.data = weight, layer.bias.detach() - weight @ self.middle
        return folded


def train(
    examples: Examples, config: IdentityTrainConfig, model: FlameModel
) -> tuple[IdentityNetwork, IdentityFigures]:
    """Fit the network; every ``config.held`` th person is kept for the figures, and for the size of the spread."""
    torch.manual_seed(config.seed)
    directions = shape_directions(model, config.tolerance_m)
    held = examples.person % config.held == 0
    kept = (~held).nonzero()[:, 0]
    whiten = Whitening.of(examples.plain.features[kept], examples.blocks, config.directions)
    sides = [Sides(whiten(side.features), side.shape @ directions) for side in examples.sides]
    network = IdentityNetwork(sides[0].features.shape[1], config.width, directions, config.dropout)
    _descend(network, sides, kept, config)
    network.eval()
    rows = held.nonzero()[:, 0]
    plain = sides[0]
    with torch.no_grad():
        said: IdentityEvidence = network(plain.features[rows])
    wanted = plain.shape[rows]
    error_over_std = float(((wanted - said.mean) / said.std).square().mean().sqrt())
    network.out.bias.data[directions.shape[1] :] += torch.tensor(error_over_std).log()
    linear = ridge(torch.cat([side.features[kept] for side in sides]), torch.cat([side.shape[kept] for side in sides]))
    network.straight, network.hidden = whiten.fold(network.straight), whiten.fold(network.hidden)
    figures = IdentityFigures(
        people=len(examples.person[rows].unique()),
        network_mm=neutral_mm(model, directions, wanted - said.mean),
        linear_mm=neutral_mm(model, directions, wanted - linear(plain.features[rows])),
        mean_head_mm=neutral_mm(model, directions, wanted),
        error_over_std=error_over_std,
    )
    return network, figures


def ridge(features: Tensor, wanted: Tensor, weight: float = 2000.0) -> Callable[[Tensor], Tensor]:
    """The linear map of whitened features (N, K) to codes (N, D) with the least squared error and small weights."""
    middle = wanted.mean(0)
    gram = (features.T @ features).double() + weight * torch.eye(features.shape[1], dtype=torch.float64)
    moment = (features.T @ (wanted - middle)).double()
    solved = torch.cholesky_solve(moment, torch.linalg.cholesky(gram)).float()
    return lambda given: given @ solved + middle


def shape_directions(model: FlameModel, tolerance_m: float) -> Tensor:
    """(S, D) directions of the shape codes that move the face, the strongest first."""
    face = model.assets.region("face").nonzero()[:, 0]
    points = FlamePoints.from_vertices(model, face)
    return CodeBasis.of(points.displacements(), points.sizes, tolerance_m).shape


def neutral_mm(model: FlameModel, directions: Tensor, off: Tensor) -> float:
    """What errors (N, D) of the codes do to the neutral face: rms over its vertices, beside any rigid motion."""
    face = model.assets.region("face").nonzero()[:, 0]
    moves = (model.blendshapes[face][..., : model.n_shape] @ directions).flatten(0, 1)  # (3 V, D)
    places = model.v_template[face] - model.v_template[face].mean(0)
    axes = torch.eye(3)
    rigid = [axis.expand_as(places) for axis in axes] + [
        torch.linalg.cross(axis.expand_as(places), places) for axis in axes
    ]
    basis, _ = torch.linalg.qr(torch.stack([motion.flatten() for motion in rigid], 1))
    moves = moves - basis @ (basis.T @ moves)
    return float(1e3 * (off @ moves.T).square().sum(1).div(len(face)).sqrt().mean())


def _descend(network: IdentityNetwork, sides: list[Sides], kept: Tensor, config: IdentityTrainConfig) -> None:
    optimiser = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    total = config.epochs * max(1, len(kept) // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total)
    network.train()
    with tqdm(total=total, unit="step", dynamic_ncols=True) as bar:
        for step in range(total):
            if step % (total // config.epochs) == 0:
                order = kept[torch.randperm(len(kept))]
                batches = iter(order.split(config.batch))
            side = sides[int(torch.randint(len(sides), ()))]
            rows = next(batches)
            said = network(side.features[rows])
            error = side.shape[rows] - said.mean
            # The spread is judged by the likelihood of an error that it cannot change.
            doubt = (error.detach() / said.std) ** 2 / 2 + said.std.log()
            loss = (error**2).mean() + config.weight_doubt * doubt.mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            bar.update()
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
