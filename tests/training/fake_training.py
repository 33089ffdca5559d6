"""A network of a few layers and a source of random samples, to train in seconds. Also a script, to be killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from shared.config import TrainingConfig
from shared.config.loading import load_config
from shared.config.option import option
from shared.records.tensor_files import write_tensors
from shared.records.tensor_record import TensorRecord, stack
from shared.runs.entry import run_entry
from shared.runs.ranks import Ranks
from shared.training.task import Task
from shared.training.trainer import Trainer

SCHEMA = "fake/1"
SIZE = 8


@dataclass(frozen=True)
class FakeInput(TensorRecord):
    image: Tensor  # (..., 3, S, S)


@dataclass(frozen=True)
class FakeSample(TensorRecord):
    input: FakeInput
    target: Tensor  # (..., 2, S, S)
    index: Tensor  # (...)


class FakeNetwork(nn.Module):
    """Batch norm and dropout, so that buffers and random numbers count."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, inputs: FakeInput) -> Tensor:
        return self.head(self.backbone(inputs.image)).float().sigmoid()


@dataclass(frozen=True)
class FakeBad:
    index: int
    reason: str


@dataclass(frozen=True)
class FakeBatch:
    sample: FakeSample | None
    bad: tuple[FakeBad, ...]

    def pin_memory(self) -> FakeBatch:
        return self


def fake_sample(index: int) -> FakeSample:
    image = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(index))
    return FakeSample(FakeInput(image), image[:2], torch.tensor(index, dtype=torch.int64))


class FakeSource(Dataset[Any]):
    """``count`` samples; some are bad; ``kill_at``: the n-th sample kills the process, as a power cut would."""

    def __init__(self, count: int = 24, bad: tuple[int, ...] = (), kill_at: int | None = None) -> None:
        self.count, self.bad, self.kill_at, self.asked = count, bad, kill_at, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> FakeSample | FakeBad:
        self.asked += 1
        if self.asked == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if index % self.count in self.bad:
            return FakeBad(index, "torn")
        return fake_sample(index)


def collate(items: list[Any]) -> FakeBatch:
    good = [item for item in items if isinstance(item, FakeSample)]
    return FakeBatch(stack(good) if good else None, tuple(item for item in items if isinstance(item, FakeBad)))


def loss(prediction: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    value = (prediction - target).square().mean()
    return value, {"total": value.detach(), "rms": value.detach().sqrt()}


def picture(network: nn.Module, sample: FakeSample) -> np.ndarray:
    said = network(sample.input)[0].mean(0)
    return (said * 255).to(torch.uint8)[..., None].expand(SIZE, SIZE, 3).cpu().numpy()


def save_weights(path: Path, network: nn.Module, made: Mapping[str, Any]) -> None:
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_tensors(path, state, {**made, "schema": SCHEMA})


def fake_task(source: Dataset[Any] | None = None, **changes: Any) -> Task[FakeNetwork]:
    torch.manual_seed(7)
    task = {"network": FakeNetwork(), "source": source or FakeSource(), "collate": collate, "loss": loss}
    return Task(**{**task, "picture": picture, "save_weights": save_weights, **changes})


@dataclass(frozen=True)
class FakeConfig(TrainingConfig):
    kill_at: int | None = option(None, "the sample at which to die")


def main(argv: list[str]) -> int:
    """An entry script with the fakes."""
    config = load_config(FakeConfig, argv)
    ranks = Ranks.from_environment()
    outcome = Trainer(config, fake_task(FakeSource(kill_at=config.kill_at)), ranks).run()
    print(f"rank {ranks.rank} of {ranks.world} ended after step {outcome.progress.step}")
    return 0


if __name__ == "__main__":
    run_entry(main)
