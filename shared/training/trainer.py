"""The training loop: any network, any source of samples, one process or several."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor
from tqdm import tqdm

from shared.config import TrainingConfig
from shared.runs.device import autocast, choose_device
from shared.runs.errors import UserError
from shared.runs.ranks import Ranks
from shared.training.board import Board
from shared.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from shared.training.ema import Ema
from shared.training.loader import Batches
from shared.training.optimiser import GuardedAdamW
from shared.training.run_folder import BAD_SAMPLES, BOARD, CHECKPOINT, PICTURE, WEIGHTS
from shared.training.running_mean import RunningMean
from shared.training.schedule import Schedule
from shared.training.stop import StopRequest
from shared.training.task import Network, Task, TrainingSample

READ_STEPS = 20  # steps between looks at what is on the device, each of which waits for it
_SKIPPED_IN_ROW = 20  # steps without a finite gradient, before the run ends


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    progress: Progress
    validation: dict[str, float]
    weights: Path


class Trainer(Generic[Network]):
    """One process of a run. Its folder is ``config.out``, see `run_folder`.

    A run that was stopped goes on with the same numbers: on one device, with as many threads and processes, it ends at
    the same weights bit by bit, unless its schedule is one of time.

    Raises:
        UserError: the checkpoint cannot be used.
    """

    def __init__(self, config: TrainingConfig, task: Task[Network], ranks: Ranks) -> None:
        self.config, self.task, self.root = config, task, Path(config.out)
        self.main = ranks.rank == 0
        device = choose_device(config.device, ranks.local_rank)
        set_threads(device)
        # Precision is ours: accelerate's belongs to the process, which may train again with another.
        self.accelerator = Accelerator(mixed_precision="no", cpu=device.type == "cpu", device_placement=False)
        self.device = device
        network = task.network.to(device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.network, self.average = network, Ema(network, config.ema)
        self.optimiser = GuardedAdamW(network, config)
        self.schedule = Schedule(config.steps, config.minutes, config.warmup_steps)
        count = len(task.source)  # type: ignore[arg-type]
        found = load_checkpoint(self.root / CHECKPOINT, network, self.average.network, self.optimiser.adamw)
        self.start = self.progress = replace(found or Progress(), sample_count=count)
        sampler = task.sampler(count, config.batch_size, config.seed, ranks.rank, ranks.world, self.start.step)
        bad_list, pinned = self.root / BAD_SAMPLES, device.type == "cuda"
        self.batches = Batches(task.source, sampler, task.collate, config.workers, bad_list, pinned)
        self.ranks = ranks
        self.validation: dict[str, float] = {}
        self.validated = -1  # the step of it
        if found and self.main:
            print(f"goes on after step {found.step}" + _changed_count(found.sample_count, count))

    def run(self) -> Outcome:
        """Train to the end. KeyboardInterrupt, with a message on how to go on, if it is to stop."""
        if self.config.compile:
            self.network.compile()
        model = self.accelerator.prepare_model(self.network, device_placement=False)
        self._began = time.monotonic() - 60 * self.start.minutes
        means = RunningMean()
        board = Board(self.root / BOARD, self.start.step, self.root / PICTURE) if self.main else None
        bar = tqdm(initial=self.start.step, unit="step", disable=not self.main, dynamic_ncols=True, smoothing=0.05)
        stream: Iterator[TrainingSample] | None = None
        mark = (time.perf_counter(), 0.0, self.start.samples)
        with StopRequest() as stop, bar:
            while (share := self.schedule.progress(self.progress.step, self.progress.minutes)) < 1:
                stream = stream or iter(self.batches)
                sample = next(stream).map(lambda tensor: tensor.to(self.device, non_blocking=True))
                factor = self.schedule.factor(self.progress.step, share)
                means.add(self._step(model, sample, factor))
                self.progress = replace(
                    self.progress,
                    step=self.progress.step + 1,
                    samples=self.progress.samples + len(sample.index) * self.ranks.world,
                )
                bar.update()
                step = self.progress.step
                if step % READ_STEPS == 0:
                    self._read_state()
                    now = (time.perf_counter(), self.batches.waited_s, self.progress.samples)
                    values = means.read() | _speeds(mark, now) | {"learning_rate": factor * self.config.learning_rate}
                    mark = now
                    self._show(bar, board, values)
                if board and (step % self.config.picture_steps == 0 or step == READ_STEPS):
                    with torch.inference_mode():
                        board.picture(step, self.task.picture(self.average.network, sample))
                if step % self.config.save_steps == 0:
                    self._save()
                if step % self.config.validation_steps == 0:
                    self._keep_weights(board)
                if stop.requested:
                    self._save()
                    raise KeyboardInterrupt(f"stopped after step {step}: run the same command again to go on")
        self._save()
        self._keep_weights(board)
        if board:
            board.close()
        return Outcome(self._now(), self.validation, self.root / WEIGHTS)

    def _step(self, model: torch.nn.Module, sample: TrainingSample, factor: float) -> dict[str, Tensor]:
        """One step; what it measured, on the device."""
        # So that a run that goes on draws what it would have drawn (dropout).
        torch.manual_seed((self.config.seed * 1_000_003 + self.progress.step) * 4099 + self.ranks.rank)
        self.optimiser.begin()
        with autocast(self.device, self.config.precision):
            prediction = model(sample.input)
        loss, terms = self.task.loss(prediction, sample.target)
        # A loss that is not finite must stop the step in every process, as their weights would part otherwise.
        unit = torch.where(torch.isfinite(loss), 1.0, torch.nan).to(loss)
        self.accelerator.backward(loss, gradient=unit)
        length = self.optimiser.step(factor)
        self.average.update(self.network, self.progress.step)
        return terms | {"gradient": length}

    def _now(self) -> Progress:
        """Up to date with this process's clock and counts. Waits for the device."""
        return replace(
            self.progress,
            minutes=(time.monotonic() - self._began) / 60,
            skipped=self.start.skipped + int(self.optimiser.skipped),
            bad=self.start.bad + self.batches.bad,
        )

    def _read_state(self) -> None:
        """Bring the progress up to date, with the first process's clock. UserError if training breaks down."""
        now = self._now()
        minutes = broadcast(torch.tensor(now.minutes, device=self.device))
        self.progress = replace(now, minutes=float(minutes))  # type: ignore[arg-type]
        in_row = int(self.optimiser.skipped_in_row)
        if in_row >= _SKIPPED_IN_ROW:
            raise UserError(
                f"{in_row} steps in a row had no finite gradient, up to step {self.progress.step}: try a smaller "
                f"learning_rate (it is {self.config.learning_rate:g}) or precision=fp32; the last checkpoint is kept"
            )

    def _show(self, bar: tqdm, board: Board | None, values: dict[str, float]) -> None:
        progress = self.progress
        if board:
            board.scalars(progress.step, values | {"bad_samples": progress.bad, "skipped_steps": progress.skipped})
        bar.total = max(progress.step, round(progress.step / self.schedule.progress(progress.step, progress.minutes)))
        words = {name: f"{values[name]:.3g}" for name in self.task.shown if name in values}
        bar.set_postfix(words | ({"bad": progress.bad} if progress.bad else {}), refresh=False)

    def _save(self) -> None:
        """Write the checkpoint."""
        if self.main:
            path = self.root / CHECKPOINT
            save_checkpoint(path, self.network, self.average.network, self.optimiser.adamw, self._now())

    def _keep_weights(self, board: Board | None) -> None:
        """Validate the average and write it as weights; nothing if the last validation was of this step."""
        step = self.progress.step
        if not self.main or self.validated == step:
            return
        if self.task.validate:
            self.validation = dict(self.task.validate(self.average.network))
        if board and self.validation:
            board.scalars(step, {f"validation/{name}": value for name, value in self.validation.items()})
        made = {"progress": vars(self._now()), "validation": self.validation}
        self.task.save_weights(self.root / WEIGHTS, self.average.network, made)
        self.validated = step


def set_threads(device: torch.device) -> None:
    """Use all cores on the CPU, unless OMP_NUM_THREADS says otherwise; a launcher of several processes sets it."""
    if device.type == "cpu" and _given_threads() is None:
        torch.set_num_threads(os.cpu_count() or 1)


def _given_threads() -> str | None:
    output = os.environ.get("OMP_NUM_THREADS")
    if output == "1" and "ACCELERATE_MIXED_PRECISION" in os.environ and "WORLD_SIZE" not in os.environ:
        import psutil  # accelerate depends on it

        # accelerate sets 1 for a single process that was given nothing; what it was given is in its own environment.
        try:
            return psutil.Process(os.getppid()).environ().get("OMP_NUM_THREADS")
        except psutil.Error:
            return output
    return output


def _speeds(before: tuple[float, float, int], now: tuple[float, float, int]) -> dict[str, float]:
    """From (seconds, of them waited for data, samples) at two times."""
    seconds, waited, samples = (after - earlier for earlier, after in zip(before, now, strict=True))
    return {"samples_per_second": samples / seconds, "waiting_for_data": waited / seconds}


def _changed_count(before: int, now: int) -> str:
    return "" if before == now else f"; the data has {now} samples now, and had {before}"
