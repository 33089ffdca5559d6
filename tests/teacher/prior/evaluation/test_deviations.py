"""Correlation and strength of deviations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from teacher.prior.evaluation.deviations import Agreement, across, agreement, products

PEOPLE = ("ann", "ann", "bob", "cleo")


def found(scale: float, noise: float) -> Agreement | None:
    """Of predictions that are the truth times a factor, and noise as large as so many times the truth."""
    rng = torch.Generator().manual_seed(3)
    sums = []
    for _ in PEOPLE:
        true, chance = torch.randn(2, 4000, 2, generator=rng)
        sums.append(products(scale * true + noise * chance, true).double().sum(0).numpy())
    return agreement(PEOPLE, np.stack(sums))


@pytest.mark.parametrize(
    ("scale", "noise", "correlation"), [(1, 0, 1), (0.5, 0, 1), (-0.3, 0, -1), (0, 1, 0), (1, 1, 0.5**0.5)]
)
def test_correlation_and_strength(scale: float, noise: float, correlation: float) -> None:
    one = found(scale, noise)
    assert one is not None
    assert one.correlation.value == pytest.approx(correlation, abs=0.02)
    assert one.strength.value == pytest.approx(scale, abs=0.02)
    assert one.correlation.interval is not None
    low, high = one.correlation.interval
    assert low - 1e-9 <= one.correlation.value <= high + 1e-9
    assert high - low < 0.1


def test_nothing_deviates() -> None:
    assert found(0, 0) is None
    assert found(1e-4, 0) is None
    assert agreement([], np.zeros((0, 3))) is None
    assert agreement(["ann"], np.array([[0.0, 1.0, 0.0]])) is None


def test_one_person_has_no_interval() -> None:
    one = agreement(["ann", "ann"], np.array([[1.0, 1.0, 2.0], [0.0, 1.0, 2.0]]))
    assert one is not None
    assert one.correlation.value == pytest.approx(1 / 8**0.5)
    assert one.correlation.interval is None


def test_parts_across_a_normal() -> None:
    vectors = torch.tensor([[1.0, 2.0, 3.0]])
    assert across(vectors, torch.tensor([[0.0, 0.0, 1.0]])).tolist() == [[1.0, 2.0, 0.0]]
