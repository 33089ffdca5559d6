"""What a training run is given: network, samples, loss, and what to show and keep of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from torch import Tensor, nn
from torch.utils.data import Dataset

from shared.training.sampler import BatchSampler, StepSampler

Network = TypeVar("Network", bound=nn.Module)
Sample = TypeVar("Sample", bound="TrainingSample")


class TrainingSample(Protocol):
    """Samples of a batch: a `TensorRecord` whose tensors have the leading dimension (B,)."""

    @property
    def input(self) -> Any:
        """What the network is called with."""
        ...

    @property
    def target(self) -> Any:
        """What the loss compares with."""
        ...

    @property
    def index(self) -> Tensor:
        """(B,) int64 as drawn by the sampler."""
        ...

    def map(self: Sample, function: Callable[[Tensor], Tensor]) -> Sample: ...

    def to(self: Sample, target: Any) -> Sample: ...


class Bad(Protocol):
    """A sample that could not be used."""

    @property
    def index(self) -> int: ...

    @property
    def reason(self) -> str: ...


class Batch(Protocol):
    """What ``collate`` makes of the samples of a step."""

    @property
    def sample(self) -> TrainingSample | None: ...

    @property
    def bad(self) -> Sequence[Bad]: ...

    def pin_memory(self) -> Batch: ...


class MakeSampler(Protocol):
    """`StepSampler`, or another of the same arguments."""

    def __call__(
        self, count: int, batch_size: int, seed: int, rank: int, world: int, first_step: int
    ) -> BatchSampler: ...


@dataclass(frozen=True, eq=False)
class Task(Generic[Network]):
    """What is trained, on what, and towards what."""

    network: Network  # its ``backbone``, a module or None, learns at a rate of its own
    source: Dataset[Any]  # samples by index, see `BatchSampler`
    collate: Callable[[list[Any]], Batch]
    loss: Callable[[Any, Any], tuple[Tensor, dict[str, Tensor]]]  # of prediction and target: the loss, its terms
    picture: Callable[[Network, Any], np.ndarray]  # of the averaged network and a batch: (H, W, 3) uint8 RGB
    save_weights: Callable[[Path, Network, Mapping[str, Any]], object]  # of the average, and what is known of its run
    validate: Callable[[Network], Mapping[str, float]] | None = None  # figures of the averaged network
    sampler: MakeSampler = StepSampler
    shown: tuple[str, ...] = ("total",)  # the loss's terms that the progress bar shows
