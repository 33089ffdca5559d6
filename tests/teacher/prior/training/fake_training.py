"""A network of a few layers and a source of random samples, to train in seconds. Also a script, to be killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from shared.config import PriorTrainConfig
from shared.options import load_config
from shared.records import stack
from shared.runtime import Ranks, run_entry
from shared.tensor_files import write_tensors
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.records import N_PARTS, PriorInput, PriorMaps, PriorPrediction, PriorSample, PriorTarget
from teacher.prior.training.trainer import Task, Trainer

SCHEMA = "fake/1"
SIZE = 8


class FakeNetwork(PriorNetwork):
    """Batch norm and dropout, so that buffers and random numbers count."""

    size, frame, sees_landmarks = SIZE, "crop", False

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Conv2d(8, 3 + 2 + 1 + N_PARTS, 1)

    def forward(self, inputs: PriorInput) -> PriorPrediction:
        out = self.head(self.backbone(inputs.image)).float()
        normal, uv, log_var, parts = out.split([3, 2, 1, N_PARTS], 1)
        maps = PriorMaps("crop", functional.normalize(normal, dim=1), None, uv.sigmoid(), log_var[:, 0], parts)
        return PriorPrediction(maps)


@dataclass(frozen=True)
class FakeBad:
    index: int
    reason: str


@dataclass(frozen=True)
class FakeBatch:
    sample: PriorSample | None
    bad: tuple[FakeBad, ...]

    def pin_memory(self) -> FakeBatch:
        return self


def fake_sample(index: int, value: float = 0.0) -> PriorSample:
    generator = torch.Generator().manual_seed(index)
    image = torch.rand(3, SIZE, SIZE, generator=generator) + value
    full = torch.ones(SIZE, SIZE, dtype=torch.bool)
    target = PriorTarget(
        normal=functional.normalize(image - 0.5, dim=0),
        normal_mask=full,
        uv=image[:2],
        uv_mask=full,
        hidden=torch.zeros_like(full),
        part=torch.full((SIZE, SIZE), 1, dtype=torch.uint8),
        points_px=torch.zeros(0, 2),
        points_visible=torch.zeros(0, dtype=torch.bool),
        points_known=torch.zeros(0, dtype=torch.bool),
        px_per_m=torch.tensor(1000.0),
    )
    maps = torch.zeros(6, SIZE // 2, SIZE // 2)
    return PriorSample(
        PriorInput(image, torch.zeros(478, 2), maps, torch.tensor(False)),
        target,
        torch.tensor(index, dtype=torch.int64),
    )


class FakeSource(Dataset[Any]):
    """``count`` samples; some are bad; ``kill_at``: the n-th sample kills the process, as a power cut would."""

    def __init__(self, count: int = 24, bad: tuple[int, ...] = (), kill_at: int | None = None) -> None:
        self.count, self.bad, self.kill_at, self.asked = count, bad, kill_at, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> PriorSample | FakeBad:
        self.asked += 1
        if self.asked == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if index % self.count in self.bad:
            return FakeBad(index, "torn")
        return fake_sample(index)


def collate(items: list[Any]) -> FakeBatch:
    good = [item for item in items if isinstance(item, PriorSample)]
    return FakeBatch(stack(good) if good else None, tuple(item for item in items if isinstance(item, FakeBad)))


def loss(prediction: PriorPrediction, target: PriorTarget) -> tuple[Tensor, dict[str, Tensor]]:
    uv = prediction.maps.uv
    assert uv is not None
    value = (uv - target.uv).square().mean()
    return value, {"total": value.detach(), "uv_mm": 660 * value.detach().sqrt()}


def save_weights(path: Path, network: PriorNetwork, made: Mapping[str, Any]) -> None:
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_tensors(path, state, {**made, "schema": SCHEMA})


def fake_task(source: Dataset[Any] | None = None, **changes: Any) -> Task:
    torch.manual_seed(7)
    task = {"network": FakeNetwork(), "source": source or FakeSource(), "collate": collate, "loss": loss}
    return Task(**{**task, "save_weights": save_weights, **changes})


def main(argv: list[str]) -> int:
    """``prior_train.py`` with the fakes; the option ``flame`` says at which sample to die."""
    config = load_config(PriorTrainConfig, argv)
    source = FakeSource(kill_at=int(config.flame) if config.flame else None)
    ranks = Ranks.from_environment()
    outcome = Trainer(config, fake_task(source), ranks).run()
    print(f"rank {ranks.rank} of {ranks.world} ended after step {outcome.progress.step}")
    return 0


if __name__ == "__main__":
    run_entry(main)
