"""The dataset run: every shard once, by any number of processes that share nothing but the folder."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from shared.runs.device import choose_device, one_thread, seed_everything
from shared.runs.ranks import Ranks
from shared.runs.sharding import ShardProgress, claimed, shards_so_far, share, unfinished
from teacher.config import FitDatasetConfig
from teacher.dataset.report import Summary, write_report
from teacher.dataset.run_folder import RunFolder, open_run, prepare
from teacher.dataset.shard import label_shard
from teacher.observation.stream import ObservationStream
from teacher.pipeline.tools import Tools, build_tools


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
    tools = tools or build_tools(config, choose_device(config.device, ranks.local_rank))
    head_id = tools.model.assets.head_id
    ranks.after_first(lambda: _prepare_and_tell(config, head_id))
    folder = open_run(config)
    share(
        lambda place: _work(folder, config, tools, place, quiet), config.processes, ranks, lambda: shards_so_far(folder)
    )
    return _finish(folder, ranks)


def _prepare_and_tell(config: FitDatasetConfig, head_id: str) -> None:
    folder = prepare(config, head_id)
    done = folder.n_shards - len(unfinished(folder))
    if done:
        print(f"{done} of {folder.n_shards} shards are finished already and stay as they are", file=sys.stderr)


def _work(folder: RunFolder, config: FitDatasetConfig, tools: Tools, ranks: Ranks, quiet: bool) -> None:
    with (
        ObservationStream(tools.detector, config, config.threads, config.batch_size) as stream,
        ShardProgress(folder, "photo", disable=quiet or ranks.rank > 0) as progress,
    ):

        def tick() -> None:
            ranks.check_parent()
            progress.tick()

        for shard in claimed(folder, ranks):
            label_shard(shard, folder, config, tools, stream, tick)
            progress.shard_done()


def _finish(folder: RunFolder, ranks: Ranks) -> RunOutcome:
    """Whoever finds everything finished writes the report; several at once write the same."""
    left = unfinished(folder)
    if not left:
        return RunOutcome(True, write_report(folder))
    if ranks.rank == 0:
        print(f"{len(left)} shards are still with other processes; the last one writes the report", file=sys.stderr)
    return RunOutcome(False, None)
