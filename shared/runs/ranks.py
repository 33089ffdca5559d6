"""The processes that share the work of one command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from shared.runs.errors import UserError

_PARENT = "PIXEL3DMM_PARENT"
_STORE_TIMEOUT = timedelta(minutes=30)  # rank 0 lists the inputs meanwhile, which takes long on a network disk
_ALONE = "without several GPUs accelerate launch starts one process, however many --num_processes says"


@dataclass(frozen=True)
class Ranks:
    """This process among those of the job, which share a disk and nothing else."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    launched: bool = False  # started by torchrun, accelerate, or `Helpers`
    parent: int | None = None  # the process that `Helpers` started us for

    @staticmethod
    def from_environment() -> Ranks:
        """As the launcher says."""
        get = os.environ.get
        if "RANK" not in os.environ:
            return Ranks()
        parent = int(get(_PARENT, "0")) or None
        return Ranks(int(get("RANK", "0")), int(get("WORLD_SIZE", "1")), int(get("LOCAL_RANK", "0")), True, parent)

    def check_parent(self) -> None:
        """Raise KeyboardInterrupt in a helper whose parent process has ended."""
        if self.parent is not None and os.getppid() != self.parent:
            raise KeyboardInterrupt("the process that started this one is gone")

    def after_first(self, prepare: Callable[[], None]) -> None:
        """Run ``prepare`` on rank 0 only; the others wait for it, and stop with a UserError if it failed."""
        if not self.launched or self.world == 1 or "MASTER_ADDR" not in os.environ:
            if self.rank == 0:
                prepare()
            return
        from torch.distributed.rendezvous import rendezvous

        store, _, _ = next(rendezvous("env://", timeout=_STORE_TIMEOUT))
        key = f"prepared-{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
        if self.rank:
            if store.get(key) != b"yes":
                raise UserError("rank 0 could not prepare the run; its message says why")
            return
        try:
            prepare()
        except BaseException:
            store.set(key, "no")
            raise
        store.set(key, "yes")


class Helpers:
    """Further processes with our own command line, where no launcher started them. Use as a context."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start ranks 1 to count."""
        for rank in range(1, self.count + 1):
            environment = {
                **os.environ,
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(self.count + 1),
                _PARENT: str(os.getpid()),
            }
            environment.pop("MASTER_ADDR", None)  # they start after rank 0 has prepared the run
            self._children.append(subprocess.Popen([sys.executable, *sys.orig_argv[1:]], env=environment))

    def wait(self) -> int:
        """Wait for all; the number of those that failed."""
        return sum(child.wait() != 0 for child in self._children)

    def __enter__(self) -> Helpers:
        return self

    def __exit__(self, *error: object) -> None:
        for child in self._children:
            if child.poll() is None:
                child.terminate()
        for child in self._children:
            child.wait()


def missing_processes(configured: int, ranks: Ranks) -> int:
    """How many processes we have to start ourselves. UserError if a launcher was asked for several and starts one."""
    if ranks.launched:
        return 0
    if configured == 1 and _launcher_starts_no_others():
        raise UserError(f"{_ALONE}: use python instead, and the option processes=")
    return configured - 1


def training_ranks() -> Ranks:
    """Which process of a training run this is. UserError if a launcher was asked for several and starts one."""
    ranks = Ranks.from_environment()
    if not ranks.launched and _launcher_starts_no_others():
        raise UserError(f"{_ALONE}: use torchrun --nproc_per_node instead")
    return ranks


def _launcher_starts_no_others() -> bool:
    """Whether we are the only process of accelerate although it was asked for several.

    It says so by an address to meet at; it passes their number to nobody.
    """
    return "ACCELERATE_MIXED_PRECISION" in os.environ and "MASTER_ADDR" in os.environ
