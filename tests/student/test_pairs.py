"""Pictures of one person side by side, each once an epoch, from any step on."""

from __future__ import annotations

from itertools import islice, pairwise

import numpy as np

from student.training.pairs import PairSampler

PERSONS = np.array([3, 1, 3, 2, 1, 3, 4, 1, 1, 3, 5, 6])


def taken(sampler: PairSampler, steps: int) -> list[int]:
    return [index for batch in islice(iter(sampler), steps) for index in batch]


def test_an_epoch_shows_each_sample_once() -> None:
    sampler = PairSampler(PERSONS, 4, seed=0)
    drawn = taken(sampler, 6)
    assert sorted(drawn[:12]) == list(range(12))
    assert sorted(drawn[12:]) == list(range(12, 24))
    assert [index % 12 for index in drawn[12:]] != drawn[:12]


def test_neighbours_show_one_person_where_there_are_two_pictures() -> None:
    for seed in range(20):
        persons = PERSONS[taken(PairSampler(PERSONS, 12, seed), 1)]
        pairs = sum(a == b for a, b in pairwise(persons))
        assert pairs >= 4, "four pairs of the persons 1 and 3, and perhaps pairs that met"


def test_any_step_can_be_taken_up_by_any_process() -> None:
    whole = taken(PairSampler(PERSONS, 3, seed=1), 16)
    assert taken(PairSampler(PERSONS, 3, seed=1, first_step=5), 11) == whole[15:]
    both = [taken(PairSampler(PERSONS, 3, seed=1, rank=rank, world=2), 8) for rank in range(2)]
    woven = [index for step in range(8) for one in both for index in one[3 * step : 3 * step + 3]]
    assert woven == whole
