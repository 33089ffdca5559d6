"""All training faces of a run as samples by number, and batches of them."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from shared.training.samples import BadSample
from student.data.faces import FaceError, Faces
from student.data.sample import SampleMaker
from student.network.records import StudentSample


@dataclass(frozen=True)
class Share:
    """Faces and how often each of them is shown an epoch; below 1, another part of them each epoch."""

    faces: Faces
    weight: float
    rows: Tensor  # (M,) int64, those that are trained on

    def __len__(self) -> int:
        return max(1, round(len(self.rows) * self.weight))

    def row(self, place: int, epoch: int) -> int:
        """Which face stands at a place of an epoch."""
        return int(self.rows[(place + epoch * len(self)) % len(self.rows)])


class Source(Dataset[StudentSample | BadSample]):
    """Samples of several sources, one after the other.

    Item ``epoch * len + i`` is sample ``i`` as it is varied in that epoch; it depends on these two and the seed alone.
    """

    def __init__(self, shares: Sequence[Share], maker: SampleMaker, seed: int) -> None:
        self.shares, self.maker, self.seed = tuple(shares), maker, seed
        self._ends = list(accumulate(len(one) for one in shares))
        self._ready = False
        # Forked workers would inherit OpenCV's pool without its threads, and wait for them for ever.
        cv2.setNumThreads(1)

    def __len__(self) -> int:
        return self._ends[-1]

    def persons(self) -> Tensor:
        """(len,) int64, whom each place shows in the first epoch."""
        return torch.cat([one.faces.persons[[one.row(place, 0) for place in range(len(one))]] for one in self.shares])

    def __getitem__(self, index: int) -> StudentSample | BadSample:
        if not self._ready and get_worker_info() is not None:
            torch.set_num_threads(1)
        self._ready = True
        epoch, place = divmod(index, len(self))
        number = bisect.bisect_right(self._ends, place)
        share = self.shares[number]
        row = share.row(place - (self._ends[number] - len(share)), epoch)
        try:
            return self.maker.sample(
                share.faces.face(row, epoch), np.random.default_rng((self.seed, epoch, place)), index
            )
        except FaceError as error:
            return BadSample(index, f"{share.faces.name(row)}: {error}")

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_ready": False}
