"""The stream of batches: worker processes that read ahead, and an account of what could not be used."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, Dataset

from shared.runs.errors import UserError
from shared.runs.files import append_line
from shared.training.sampler import BatchSampler
from shared.training.task import Bad, Batch, TrainingSample

_READ_AHEAD = 4  # batches a worker
_EMPTY_IN_ROW = 20  # batches without a usable sample, before the run ends


class Batches:
    """The usable part of each step's batch; what is bad is counted, and named once in a file of JSON lines.

    Args:
        source: samples by index, see `StepSampler`.
        sampler: which of them, without an end.
        collate: items of the source -> `Batch`.
        workers: processes; 0: in this one.
        bad_list: file for the bad samples, which several processes may share.
        pinned: copy batches to where a GPU can fetch them while it computes.
    """

    def __init__(
        self,
        source: Dataset[Any],
        sampler: BatchSampler,
        collate: Callable[[list[Any]], Batch],
        workers: int,
        bad_list: Path,
        pinned: bool = False,
    ) -> None:
        self.bad = 0  # samples, met in this process since it began
        self.waited_s = 0.0
        self._count, self._bad_list, self._known = sampler.count, bad_list, _listed(bad_list)
        self._loader = DataLoader(
            source,
            batch_sampler=sampler,
            collate_fn=collate,
            num_workers=workers,
            worker_init_fn=_prepare_worker if workers else None,
            prefetch_factor=_READ_AHEAD if workers else None,
            pin_memory=pinned,  # by the batch's own `pin_memory`
        )

    def __iter__(self) -> Iterator[TrainingSample]:
        """A sample of batches (B, ...) for every step. UserError if nothing can be used for long."""
        usable: TrainingSample | None = None
        empty = 0
        stream = iter(self._loader)
        while True:
            began = time.perf_counter()
            batch: Batch = next(stream)
            self.waited_s += time.perf_counter() - began
            self._account(batch.bad)
            # A step without any sample of its own sees the last one's again: other processes wait for it.
            usable, empty = (batch.sample, 0) if batch.sample is not None else (usable, empty + 1)
            if empty >= _EMPTY_IN_ROW:
                raise UserError(f"{empty} batches without a usable sample; the last reason: {batch.bad[-1].reason}")
            if usable is not None:
                yield usable

    def _account(self, bad: Sequence[Bad]) -> None:
        self.bad += len(bad)
        for one in bad:
            index = one.index % self._count
            if index not in self._known:
                self._known.add(index)
                append_line(self._bad_list, json.dumps({"index": index, "reason": one.reason}))


def _listed(path: Path) -> set[int]:
    try:
        return {json.loads(line)["index"] for line in path.read_text(encoding="utf-8").splitlines()}
    except (OSError, ValueError):
        return set()


def _prepare_worker(_worker: int) -> None:
    # On the CPU the threads of the training wait for each other at every layer, so none of them may wait for a core.
    if hasattr(os, "nice"):
        os.nice(10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends the workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
