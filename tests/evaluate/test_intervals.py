"""Intervals over people."""

from __future__ import annotations

import numpy as np
import pytest

from shared.evaluate.intervals import Ratio, estimates, mean_of


def test_a_mean_leaves_out_what_is_not_there() -> None:
    found = estimates(["a", "b", "c"], {"x": mean_of([1.0, None, 3.0]), "none": mean_of([None] * 3)}, 500)
    assert found["x"].value == 2.0
    assert found["x"].interval == (1.0, 3.0)
    assert "none" not in found


def test_the_interval_is_that_of_the_mean_of_people() -> None:
    rng = np.random.default_rng(0)
    of_person = rng.normal(5, 1, 60)
    people = [str(person) for person in range(60) for _ in range(4)]
    values = np.repeat(of_person, 4)
    estimate = estimates(people, {"x": Ratio(values.tolist(), [1.0] * 240)})["x"]
    assert estimate.interval is not None
    low, high = estimate.interval
    error = of_person.std() / np.sqrt(60)
    assert estimate.value - low == pytest.approx(1.96 * error, rel=0.15)
    assert high - estimate.value == pytest.approx(1.96 * error, rel=0.15)
    assert estimates(["a"] * 4, {"x": Ratio([1.0] * 4, [1.0] * 4)})["x"].interval is None
