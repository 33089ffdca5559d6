"""Learning rates over a run, and which samples its steps see."""

from __future__ import annotations

from itertools import islice

import pytest

from shared.training.sampler import StepSampler
from shared.training.schedule import Schedule


def test_the_rate_grows_and_falls_to_almost_nothing() -> None:
    schedule = Schedule(1000, None, 100)
    factors = [schedule.factor(step, schedule.progress(step, 0.0)) for step in range(1000)]
    top = factors.index(max(factors))
    assert 0 < factors[0] < 0.02
    assert 90 <= top <= 110
    assert factors[top] > 0.95
    assert factors[:top] == sorted(factors[:top])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert 0 < factors[-1] < 0.02
    assert schedule.progress(1000, 0.0) == 1


def test_minutes_count_instead_of_steps_where_they_are_given() -> None:
    schedule = Schedule(10, 60.0, 0)
    assert schedule.progress(10_000, 30.0) == 0.5
    assert schedule.factor(10_000, 0.5) == pytest.approx(0.5, abs=0.01)


def batches(sampler: StepSampler, count: int) -> list[list[int]]:
    return list(islice(sampler, count))


def flat(sampler: StepSampler, count: int) -> list[int]:
    return [index for batch in batches(sampler, count) for index in batch]


def test_every_sample_comes_once_an_epoch_in_a_new_order() -> None:
    stream = flat(StepSampler(10, 4, seed=0), 10)
    epochs = [stream[start : start + 10] for start in range(0, 40, 10)]
    for number, epoch in enumerate(epochs):
        assert sorted(epoch) == [number * 10 + i for i in range(10)], "an index holds the epoch"
    assert [i % 10 for i in epochs[0]] != [i % 10 for i in epochs[1]]
    assert stream != flat(StepSampler(10, 4, seed=1), 10)


def test_any_step_can_be_taken_up() -> None:
    whole = batches(StepSampler(7, 3, seed=5), 9)
    assert batches(StepSampler(7, 3, seed=5, first_step=4), 5) == whole[4:]


def test_processes_share_the_samples_of_one_larger_batch() -> None:
    whole = batches(StepSampler(11, 6, seed=3), 5)
    halves = [batches(StepSampler(11, 3, 3, rank, 2), 5) for rank in range(2)]
    assert [first + second for first, second in zip(*halves, strict=True)] == whole
