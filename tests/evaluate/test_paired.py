"""Two runs side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shared.evaluate.paired import changes
from shared.evaluate.rows import Row
from shared.runs.errors import UserError
from tests.evaluate.test_groups import row


def test_a_fifth_less_everywhere_is_a_fifth_less_for_sure() -> None:
    first = {str(index): row(str(index), 1.0 + index, 2.0, person=index // 2) for index in range(8)}
    second = {str(index): row(str(index), 0.8 * (1.0 + index), 2.0, person=index // 2) for index in range(8)}
    second["8"] = row("8", 5.0)
    found = changes(first, second)
    posed = found["posed, mm"]
    assert (posed.pictures, posed.first, posed.second) == (8, 4.5, pytest.approx(3.6))
    assert posed.relative == pytest.approx(-0.2)
    assert posed.interval == pytest.approx((-0.2, -0.2))
    assert found["neutral, mm"].relative == 0
    assert found["landmarks, %"].relative == pytest.approx(-0.2)


def test_only_pictures_that_both_reconstruct_count() -> None:
    first = {"a": row("a", 1.0, person=0), "b": row("b", 3.0, person=1), "c": row("c", 4.0, person=2)}
    second = {"a": row("a", 2.0, person=0), "b": row("b", None), "c": row("c", 4.0, person=2)}
    change = changes(first, second)["posed, mm"]
    assert (change.pictures, change.first, change.second, change.difference) == (2, 2.5, 3.0, 0.5)
    assert change.difference_interval == pytest.approx((0.0, 1.0))


def test_pictures_of_one_person_are_not_independent() -> None:
    rng = np.random.default_rng(0)
    gain = rng.normal(1.0, 0.2, 6)  # of each person; all ten pictures alike
    ids = [(person, f"{person}-{view}") for person in range(6) for view in range(10)]
    first = {id: row(id, 1.0, person=person) for person, id in ids}
    second = {id: row(id, gain[person], person=person) for person, id in ids}
    apart = {id: row(id, gain[person], person=index) for index, (person, id) in enumerate(ids)}
    alone = {id: row(id, 1.0, person=index) for index, (_, id) in enumerate(ids)}
    together, wrong = changes(first, second)["posed, mm"], changes(alone, apart)["posed, mm"]
    assert together.interval is not None
    assert wrong.interval is not None
    assert np.diff(together.interval) > 2 * np.diff(wrong.interval)


def test_other_pictures_are_not_compared() -> None:
    first = {"a": row("a", 1.0)}
    with pytest.raises(UserError, match=r"did not see the same pictures \(no name"):
        changes(first, {"b": row("b", 1.0)})
    with pytest.raises(UserError, match="1 of 1 differ, such as a"):
        changes(first, {"a": replace(row("a", 1.0), image_sha="other")})


def test_a_picture_that_broke_down_in_one_run_does_not_count() -> None:
    first = {name: row(name, 1.0) for name in "ab"}
    change = changes(first, {"a": row("a", 2.0), "b": replace(row("b", None), image_sha="")})["posed, mm"]
    assert (change.pictures, change.first, change.second) == (1, 1.0, 2.0)
    assert change.interval is None  # one person


def test_intervals_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    first = {str(index): row(str(index), 1.0, person=index) for index in range(9)}
    second = {name: row(name, rng.uniform(0.5, 1.5), person=int(name)) for name in first}
    whole = changes(first, second)
    monkeypatch.setattr("shared.evaluate.intervals._BATCH", 9 * 700)
    assert changes(first, second) == whole


def test_strengths_are_compared_by_their_difference() -> None:
    def moving(person: int, along: float) -> Row:
        motion = {"mouth": {"points": 20, "true": 2000.0, "along": along, "predicted": 2000.0}}
        return replace(row(str(person), 1.0, person=person), motion=motion)

    first = {str(person): moving(person, 0.0) for person in range(5)}
    second = {str(person): moving(person, 100.0 * person) for person in range(5)}
    change = changes(first, second)["strength of mouth"]
    assert (change.first, change.second, change.relative) == (0.0, pytest.approx(0.1), None)
    assert change.difference_interval is not None
    low, high = change.difference_interval
    assert 0 < low < 0.1 < high < 0.2
    assert "strength of jaw" not in changes(first, second)
