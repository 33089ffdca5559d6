"""Which samples each step of each process sees: a function of the seed and the step, so any step can be taken up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler


@dataclass(frozen=True)
class StepSampler(Sampler[list[int]]):
    """Batches without an end, from the step ``first_step`` on.

    The samples are permuted anew each epoch; processes take neighbouring runs of the same order. An index is
    ``epoch * count + sample``, so that a sample may vary from epoch to epoch.
    """

    count: int  # samples an epoch
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
