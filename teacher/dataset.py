"""The dataset run: every shard once, by any number of processes that share nothing but the folder."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass

from tqdm import tqdm

from shared.config import FitDatasetConfig
from shared.device import choose_device, one_thread, seed_everything
from shared.files import exclusive
from shared.runtime import Helpers, Ranks, missing_processes
from teacher.pipeline import Tools, build_tools
from teacher.report import Summary, write_report
from teacher.run_folder import RunFolder, open_run, prepare
from teacher.shard import label_shard
from teacher.stream import ObservationStream

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOutcome:
    """How a process left the run."""

    finished: bool  # all shards are done, and the report is written
    summary: Summary | None


def run_dataset(
    config: FitDatasetConfig, ranks: Ranks | None = None, tools: Tools | None = None, quiet: bool = False
) -> RunOutcome:
    """Label a dataset, or go on with what an earlier run left.

    Args:
        config: the options.
        ranks: which process this is; as the launcher says if None.
        tools: other than the real head, fitter and detector, for tests.
        quiet: no progress bar.

    Raises:
        UserError, StorageError: something the user can put right.
        KeyboardInterrupt: with a message on how to go on.
    """
    ranks = ranks or Ranks.from_environment()
    one_thread()
    seed_everything(config.seed)
    tools = tools or build_tools(config.flame, config.fit, choose_device(config.device, ranks.local_rank), config.faces)
    head_id = tools.model.assets.head_id
    ranks.after_first(lambda: _prepare_and_tell(config, head_id))
    folder = open_run(config)
    with Helpers(missing_processes(config.processes, ranks)) as helpers:
        helpers.start()
        try:
            _work(folder, config, tools, ranks, quiet)
            if helpers.wait():
                logger.warning("a helper process failed, as it says above; doing its work here")
                _work(folder, config, tools, ranks, quiet)
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(_how_to_go_on(folder, ranks)) from error
    return _finish(folder, ranks)


def _prepare_and_tell(config: FitDatasetConfig, head_id: str) -> None:
    folder = prepare(config, head_id)
    done = folder.n_shards - len(folder.unfinished())
    if done:
        print(f"{done} of {folder.n_shards} shards are finished already and stay as they are", file=sys.stderr)


def _work(folder: RunFolder, config: FitDatasetConfig, tools: Tools, ranks: Ranks, quiet: bool) -> None:
    with (
        ObservationStream(tools.detector, config, config.threads, config.batch_size) as stream,
        _Progress(folder, disable=quiet or ranks.rank > 0) as progress,
    ):

        def tick() -> None:
            ranks.check_parent()
            progress.tick()

        for shard in _order(folder.n_shards, ranks):
            # A finished shard is looked for again under the lock: its owner may have moved it into place just now.
            if folder.is_finished(shard):
                continue
            with exclusive(folder.lock_path(shard)) as ours:
                if ours and not folder.is_finished(shard):
                    label_shard(shard, folder, config, tools, stream, tick)
                    progress.shard_done()


def _order(n_shards: int, ranks: Ranks) -> list[int]:
    """This process's shards, then those of the others from the last, in case one is slow or dead."""
    own = list(range(ranks.rank, n_shards, ranks.world))
    return own + [shard for shard in range(n_shards) if shard % ranks.world != ranks.rank][::-1]


def _finish(folder: RunFolder, ranks: Ranks) -> RunOutcome:
    """Whoever finds everything finished writes the report; several at once write the same."""
    left = folder.unfinished()
    if not left:
        return RunOutcome(True, write_report(folder))
    if ranks.rank == 0:
        print(f"{len(left)} shards are still with other processes; the last one writes the report", file=sys.stderr)
    return RunOutcome(False, None)


def _how_to_go_on(folder: RunFolder, ranks: Ranks) -> str:
    if ranks.rank:
        return f"process {ranks.rank} stopped"
    done = folder.n_shards - len(folder.unfinished())
    return (
        f"stopped: {done} of {folder.n_shards} shards are finished in {folder.root}; "
        "run the same command again to go on, with any number of processes"
    )


class _Progress:
    """A bar over the inputs of all processes; what the others have done is counted shard by shard."""

    def __init__(self, folder: RunFolder, disable: bool) -> None:
        self._folder = folder
        done = 0 if disable else self._inputs_done()
        self._bar = tqdm(
            total=len(folder.inputs), initial=done, unit="photo", disable=disable, dynamic_ncols=True, smoothing=0.05
        )

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def tick(self) -> None:
        self._bar.update(1)

    def shard_done(self) -> None:
        if not self._bar.disable:  # a look at every shard's file: not for processes that show no bar
            self._bar.update(max(0, self._inputs_done() - self._bar.n))

    def _inputs_done(self) -> int:
        folder = self._folder
        return sum(len(folder.shard_inputs(s)) for s in range(folder.n_shards) if folder.is_finished(s))
