"""An order of samples in which pictures of one person stand side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler


@dataclass(frozen=True, eq=False)
class PairSampler(Sampler[list[int]]):
    """Batches without an end, from the step ``first_step`` on; a function of seed and step, so any can be taken up.

    An epoch's order is drawn anew: the pictures of each person are shuffled and cut into pairs, then the pairs are
    shuffled. A person with one picture makes a pair of one. An index is ``epoch * count + sample``.
    """

    persons: np.ndarray  # (count,) whom each sample shows
    batch_size: int
    seed: int
    rank: int = 0
    world: int = 1
    first_step: int = 0

    @property
    def count(self) -> int:
        """Samples an epoch."""
        return len(self.persons)

    def __iter__(self) -> Iterator[list[int]]:
        epoch, order = -1, np.empty(0, np.int64)
        start = (self.first_step * self.world + self.rank) * self.batch_size
        while True:
            batch = []
            for place in range(start, start + self.batch_size):
                if place // self.count != epoch:
                    epoch = place // self.count
                    order = _order(self.persons, np.random.default_rng([self.seed, epoch]))
                batch.append(epoch * self.count + int(order[place % self.count]))
            yield batch
            start += self.world * self.batch_size


def _order(persons: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A permutation in which pairs of one person's samples are neighbours."""
    shuffled = rng.permutation(len(persons))
    by_person = shuffled[np.argsort(persons[shuffled], kind="stable")]
    sorted_persons = persons[by_person]
    first = np.r_[True, sorted_persons[1:] != sorted_persons[:-1]]
    start = np.maximum.accumulate(np.where(first, np.arange(len(persons)), 0))
    in_person = np.arange(len(persons)) - start
    pair = np.cumsum(in_person % 2 == 0) - 1  # number of the pair
    rank = rng.permutation(pair[-1] + 1)
    return by_person[np.argsort(rank[pair], kind="stable")]
