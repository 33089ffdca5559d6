"""Work that any number of processes share, who have nothing but a folder in common; mostly cut into shards.

A shard is finished when its last file is in place; it is worked on under a lock that the system drops with the process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from shared.runs.files import exclusive
from shared.runs.ranks import Helpers, Ranks, missing_processes

logger = logging.getLogger(__name__)


class ShardedFolder(Protocol):
    """What the work needs to know of its folder."""

    @property
    def root(self) -> Path:
        """The folder."""
        ...

    @property
    def n_shards(self) -> int:
        """How many there are."""
        ...

    def n_items(self, shard: int) -> int:
        """How many pictures or the like a shard holds."""
        ...

    def is_finished(self, shard: int) -> bool:
        """Whether nothing is left to do."""
        ...

    def lock_path(self, shard: int) -> Path:
        """A file of its own."""
        ...


def unfinished(folder: ShardedFolder) -> list[int]:
    """Shards still to do, in order."""
    return [shard for shard in range(folder.n_shards) if not folder.is_finished(shard)]


def claimed(folder: ShardedFolder, ranks: Ranks) -> Iterator[int]:
    """Shards for this process to do, each under its lock until the next is asked for.

    Its own first, then those of the others from the last, in case one is slow or dead.
    """
    own = list(range(ranks.rank, folder.n_shards, ranks.world))
    others = [shard for shard in range(folder.n_shards) if shard % ranks.world != ranks.rank][::-1]
    for shard in own + others:
        # A finished shard is looked for again under the lock: its owner may have moved it into place just now.
        if folder.is_finished(shard):
            continue
        with exclusive(folder.lock_path(shard)) as ours:
            if ours and not folder.is_finished(shard):
                yield shard


def share(work: Callable[[Ranks], None], processes: int, ranks: Ranks, so_far: Callable[[], str]) -> None:
    """Run ``work`` here and in as many processes as are missing; do a failed helper's share here too.

    Args:
        work: given this process's place among all; alone in the world where it is to do what others left.
        processes: wanted on this machine, unless a launcher started several.
        ranks: which process this is.
        so_far: what is done, for the message on how to go on.

    Raises:
        KeyboardInterrupt: with that message.
    """
    with Helpers(missing_processes(processes, ranks)) as helpers:
        helpers.start()
        try:
            work(replace(ranks, world=max(ranks.world, helpers.count + 1)))
            if helpers.wait():
                logger.warning("a helper process failed, as it says above; doing its work here")
                work(Ranks())
        except KeyboardInterrupt as error:
            message = f"process {ranks.rank} stopped" if ranks.rank else f"stopped: {so_far()}"
            raise KeyboardInterrupt(message) from error


def shards_so_far(folder: ShardedFolder) -> str:
    """How far the work on a folder is, and how to go on with it."""
    done = folder.n_shards - len(unfinished(folder))
    return (
        f"{done} of {folder.n_shards} shards are finished in {folder.root}; "
        "run the same command again to go on, with any number of processes"
    )


class ShardProgress:
    """A bar over the items of all processes; what the others have done is counted shard by shard."""

    def __init__(self, folder: ShardedFolder, unit: str, disable: bool) -> None:
        self._folder = folder
        total = sum(folder.n_items(shard) for shard in range(folder.n_shards))
        done = 0 if disable else self._items_done()
        self._bar = tqdm(total=total, initial=done, unit=unit, disable=disable, dynamic_ncols=True, smoothing=0.05)

    def __enter__(self) -> ShardProgress:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def tick(self) -> None:
        """One item is done."""
        self._bar.update(1)

    def shard_done(self) -> None:
        """A shard is done: count what others have finished meanwhile."""
        if not self._bar.disable:  # a look at every shard's file: not for processes that show no bar
            self._bar.update(max(0, self._items_done() - self._bar.n))

    def _items_done(self) -> int:
        folder = self._folder
        return sum(folder.n_items(shard) for shard in range(folder.n_shards) if folder.is_finished(shard))
