"""The training loop: it learns, goes on where it stopped to the very bit, and survives bad data and bad steps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from shared.records.tensor_files import read_tensors
from shared.runs.errors import UserError
from shared.runs.ranks import Ranks
from shared.training.checkpoint import SCHEMA as CHECKPOINT_SCHEMA
from shared.training.run_folder import BAD_SAMPLES, CHECKPOINT, WEIGHTS
from shared.training.sampler import StepSampler
from shared.training.trainer import Outcome, Trainer
from tests.training import fake_training
from tests.training.fake_training import FakeConfig, FakeNetwork, FakeSource, fake_task

SCRIPT = fake_training.__file__


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before, output = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    if output is None:
        del os.environ["OMP_NUM_THREADS"]


def options(out: Path, **changes: Any) -> FakeConfig:
    values: dict[str, Any] = {"steps": 30, "batch_size": 4, "workers": 0, "warmup_steps": 2, "precision": "fp32"}
    values |= {"save_steps": 7, "picture_steps": 1000, "validation_steps": 1000, "device": "cpu", "ema": 0.9}
    return FakeConfig(out=str(out), **{**values, **changes})


def words(config: FakeConfig, *names: str) -> list[str]:
    return [f"{name}={getattr(config, name)}" for name in names]


def train(out: Path, task: Any = None, **changes: Any) -> Outcome:
    return Trainer(options(out, **changes), task or fake_task(), Ranks()).run()


def state(out: Path) -> dict[str, Tensor]:
    return read_tensors(out / CHECKPOINT, CHECKPOINT_SCHEMA)[0]


def test_it_learns_and_keeps_what_it_learned(tmp_path: Path) -> None:
    figures: list[float] = []

    def validate(network: FakeNetwork) -> dict[str, float]:
        sample = fake_training.collate([fake_training.fake_sample(1000 + i) for i in range(8)]).sample
        assert sample is not None
        figures.append(float(fake_training.loss(network(sample.input), sample.target)[1]["rms"]))
        return {"rms": figures[-1]}

    untrained = validate(fake_task().network.eval())["rms"]
    outcome = train(tmp_path, fake_task(validate=validate), steps=150, validation_steps=50, learning_rate=0.02)
    assert len(figures) == 4, "before, at 50 and 100 steps, and once at the end"
    assert figures[-1] < 0.25 * untrained
    assert outcome.validation == {"rms": figures[-1]}
    tensors, header = read_tensors(tmp_path / WEIGHTS, fake_training.SCHEMA)
    assert header["validation"] == outcome.validation
    assert header["progress"]["samples"] == 150 * 4
    network = fake_training.FakeNetwork().eval()
    network.load_state_dict(tensors)
    # In another memory layout, so sums come out in another order.
    assert validate(network) == pytest.approx(outcome.validation, rel=1e-5), "the weights are those validated"
    assert list((tmp_path / "board").iterdir())
    assert (tmp_path / "pictures" / "latest.jpg").exists()


def test_killed_and_started_again_it_ends_at_the_same_bits(tmp_path: Path) -> None:
    names = ("steps", "batch_size", "workers", "warmup_steps", "precision", "save_steps", "device", "ema")
    command = [sys.executable, SCRIPT, f"out={tmp_path / 'killed'}", *words(options(tmp_path), *names)]
    killed = subprocess.run([*command, f"kill_at={19 * 4 + 2}"], capture_output=True, check=False)  # in step 20
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert read_tensors(tmp_path / "killed" / CHECKPOINT, CHECKPOINT_SCHEMA)[1]["progress"]["step"] == 14
    train(tmp_path / "whole")
    train(tmp_path / "killed")
    whole, again = state(tmp_path / "whole"), state(tmp_path / "killed")
    assert whole.keys() == again.keys()
    assert any(name.startswith("optimiser.exp_avg_sq.") for name in whole)
    assert [name for name in whole if not torch.equal(whole[name], again[name])] == []


def test_a_stop_is_saved_at_once_and_says_how_to_go_on(tmp_path: Path) -> None:
    names = ("batch_size", "workers", "precision", "device")
    command = [sys.executable, SCRIPT, f"out={tmp_path}", "steps=1000000", *words(options(tmp_path), *names)]
    hear = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=hear)
    while not (tmp_path / "pictures" / "latest.jpg").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to go on" in message
    assert "Traceback" not in message
    step = read_tensors(tmp_path / CHECKPOINT, CHECKPOINT_SCHEMA)[1]["progress"]["step"]
    assert f"stopped after step {step}:" in message


def test_a_task_may_draw_its_samples_another_way(tmp_path: Path) -> None:
    """As pairs of one person, say: the trainer asks nothing of a sampler but batches of indices."""

    class Twice(StepSampler):
        def __iter__(self) -> Iterator[list[int]]:
            return ([*half, *half] for half in replace(StepSampler(*vars(self).values()), batch_size=2).__iter__())

    seen: list[Tensor] = []

    def loss(prediction: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        seen.append(target)
        return fake_training.loss(prediction, target)

    train(tmp_path, fake_task(sampler=Twice, loss=loss), steps=3)
    assert len(seen) == 3
    assert all(len(one) == 4 and torch.equal(one[:2], one[2:]) for one in seen)


def test_bad_samples_are_counted_and_named_once(tmp_path: Path) -> None:
    outcome = train(tmp_path, fake_task(FakeSource(12, bad=(3, 5))), steps=9)  # three epochs
    assert outcome.progress.bad == 6
    assert outcome.progress.samples == 9 * 4 - 6
    listed = [json.loads(line) for line in (tmp_path / BAD_SAMPLES).read_text().splitlines()]
    assert sorted(one["index"] for one in listed) == [3, 5]
    assert listed[0]["reason"] == "torn"


def test_no_usable_sample_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="torn"):
        train(tmp_path, fake_task(FakeSource(4, bad=(0, 1, 2, 3))))


def loss_that_breaks(at: range) -> Any:
    calls = iter(range(10**6))

    def loss(prediction: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        value, terms = fake_training.loss(prediction, target)
        # Not through the network: its gradients stay finite, and the guard must see it all the same.
        return (value + float("inf"), terms) if next(calls) in at else (value, terms)

    return loss


def test_a_step_that_is_not_finite_changes_nothing(tmp_path: Path) -> None:
    outcome = train(tmp_path / "a", fake_task(loss=loss_that_breaks(range(10, 14))), steps=10, save_steps=10)
    before = state(tmp_path / "a")
    outcome = train(tmp_path / "a", fake_task(loss=loss_that_breaks(range(4))), steps=14, save_steps=14)
    after = state(tmp_path / "a")
    assert outcome.progress.skipped == 4
    kept = [name for name in before if name.startswith(("network.", "optimiser."))]
    assert [name for name in kept if not torch.equal(before[name], after[name])] == []


def test_many_such_steps_end_the_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="learning_rate"):
        train(tmp_path, fake_task(loss=loss_that_breaks(range(10, 1000))), steps=1000)


def test_a_run_of_minutes_ends_with_its_time(tmp_path: Path) -> None:
    began = time.monotonic()
    outcome = train(tmp_path, minutes=0.03, steps=1)
    assert time.monotonic() - began >= 1.8
    assert outcome.progress.step % 20 == 0


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path: Path) -> None:
    names = ("steps", "batch_size", "workers", "precision", "save_steps", "device")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [*launcher, SCRIPT, f"out={tmp_path}"]  # standalone: at a free port, as other tests run beside this one
    run = subprocess.run(
        [*command, *words(options(tmp_path, steps=12), *names)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "rank 1 of 2 ended after step 12" in run.stdout
    tensors, header = read_tensors(tmp_path / CHECKPOINT, CHECKPOINT_SCHEMA)
    assert header["progress"]["samples"] == 12 * 4 * 2
    # The gradients are those of both: a process that sees all samples at once gets there too, but for batch norm.
    assert all(bool(tensor.isfinite().all()) for tensor in tensors.values())
