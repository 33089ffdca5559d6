"""Which samples each step of each process sees: a function of the seed alone, so that any step can be taken up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class BatchSampler(Protocol):
    """Batches of indices without an end.

    An index is ``epoch * count + sample``, so that a sample may vary from epoch to epoch.
    """

    @property
    def count(self) -> int:
        """Samples of the source."""
        ...

    def __iter__(self) -> Iterator[list[int]]: ...


@dataclass(frozen=True)
class StepSampler:
    """Batches from the step ``first_step`` on, in which each sample comes once an epoch.

    The samples are permuted anew each epoch; processes take neighbouring runs of the same order.
    """

    count: int
    batch_size: int
    seed: int
    rank: int = 0
    world: int = 1
    first_step: int = 0

    def __iter__(self) -> Iterator[list[int]]:
        epoch, order = -1, np.empty(0, np.int64)
        start = (self.first_step * self.world + self.rank) * self.batch_size
        while True:
            batch = []
            for place in range(start, start + self.batch_size):
                if place // self.count != epoch:
                    epoch = place // self.count
                    order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
                batch.append(epoch * self.count + int(order[place % self.count]))
            yield batch
            start += self.world * self.batch_size
