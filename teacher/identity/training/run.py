"""Training of the identity network on what a prior says of portraits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from shared.flame.model import FlameModel
from teacher.config import IdentityTrainConfig
from teacher.identity.network import IdentityNetwork, Targets
from teacher.identity.training.examples import Examples, Sides

_RIDGE = 1e-6  # of the variance of a block's features, for directions in which they do not vary


@dataclass(frozen=True)
class IdentityFigures:
    """On views of people that were not trained on: the neutral face in millimetres rms, beside any rigid motion."""

    people: int
    network_mm: float
    linear_mm: float  # of its linear part alone, which is a ridge regression
    mean_head_mm: float
    expression_left: float  # share of the variance of the expression codes that it does not predict
    jaw_left: float  # the same of the jaw's rotation
    error_over_std: float  # rms of the shape's, before it was made 1


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
    """Fit the network: its linear part in closed form, the rest by descent.

    Every ``config.held`` th person is kept for the figures, and for the size of the spread.
    """
    torch.manual_seed(config.seed)
    targets = Targets.of(model, config.tolerance_m)
    held = examples.person % config.held == 0
    kept, rows = ((held == last).nonzero()[:, 0] for last in (False, True))
    whiten = Whitening.of(examples.plain.features[kept], examples.blocks, config.directions)
    sides = [Sides(whiten(side.features), side.truth @ targets.matrix()) for side in examples.sides]
    network = IdentityNetwork(sides[0].features.shape[1], config.width, targets, config.dropout)
    network.unit.copy_(sides[0].truth[kept].std(0).clamp_min(1e-3))
    seen = torch.cat([side.features[kept] for side in sides])
    output = torch.cat([side.truth[kept] for side in sides])
    network.set_straight(*ridge(seen, output / network.unit))
    with torch.no_grad():
        by_ridge = sides[0].truth[rows] - network.straight(sides[0].features[rows]) * network.unit
    _descend(network, sides, kept, config)
    network.eval()
    with torch.no_grad():
        mean, std = network(sides[0].features[rows])
    wanted = sides[0].truth[rows]
    off, n_shape = wanted - mean, targets.sizes[0]
    too_large = (off / std).split(targets.sizes, 1)
    too_large = torch.cat([part.square().mean().sqrt().expand(part.shape[1]) for part in too_large])
    network.out.bias.data[len(too_large) :] += too_large.log()
    network.straight, network.hidden = whiten.fold(network.straight), whiten.fold(network.hidden)
    parts = zip(off.split(targets.sizes, 1), wanted.split(targets.sizes, 1), strict=True)
    _, expression_left, jaw_left = (float(rest.square().sum() / whole.square().sum()) for rest, whole in parts)
    figures = IdentityFigures(
        people=len(examples.person[rows].unique()),
        network_mm=neutral_mm(model, targets.shape, off[:, :n_shape]),
        linear_mm=neutral_mm(model, targets.shape, by_ridge[:, :n_shape]),
        mean_head_mm=neutral_mm(model, targets.shape, wanted[:, :n_shape]),
        expression_left=expression_left,
        jaw_left=jaw_left,
        error_over_std=float(too_large[0]),
    )
    return network, figures


def ridge(features: Tensor, wanted: Tensor, weight: float = 2000.0) -> tuple[Tensor, Tensor]:
    """The linear map of whitened features (N, K) to targets (N, T) of least squared error and small weights.

    Returns:
        Weight (T, K) and bias (T,).
    """
    middle, at = wanted.mean(0), features.mean(0)
    off = features - at
    gram = (off.T @ off).double() + weight * torch.eye(features.shape[1], dtype=torch.float64)
    solved = torch.cholesky_solve((off.T @ (wanted - middle)).double(), torch.linalg.cholesky(gram)).float().T
    return solved.contiguous(), middle - solved @ at


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
    learned = [*network.hidden.parameters(), *network.out.parameters()]
    optimiser = torch.optim.AdamW(learned, config.learning_rate, weight_decay=config.weight_decay)
    total = config.epochs * max(1, len(kept) // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total)
    network.train()
    batches: Iterator[Tensor] = iter(())
    with tqdm(total=total, unit="step", dynamic_ncols=True) as bar:
        for step in range(total):
            if step % (total // config.epochs) == 0:
                order = kept[torch.randperm(len(kept))]
                batches = iter(order.split(config.batch))
            side = sides[int(torch.randint(len(sides), ()))]
            rows = next(batches)
            mean, std = network(side.features[rows])
            error = (side.truth[rows] - mean) / network.unit
            # The spread is judged by the likelihood of an error that it cannot change.
            doubt = (error.detach() * network.unit / std) ** 2 / 2 + (std / network.unit).log()
            loss = (error**2).mean() + config.weight_doubt * doubt.mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            bar.update()
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
