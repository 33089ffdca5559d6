"""What all people have in common is taken away, and only that."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from shared.geometry.rotation import axis_angle_to_matrix
from teacher.prior.evaluation.common import Deviations, own_products
from teacher.prior.evaluation.deviations import Agreement, agreement

PEOPLE, VIEWS, VERTICES = 12, 4, 60


def found(common: float, own: float, rows: int = 3) -> Agreement | None:
    """Of a network that shows a person's own deviation to the share ``own``, beside something common to all.

    ObservedBatch in ``rows`` of three components.
    """
    rng = torch.Generator().manual_seed(5)
    shared = common * torch.randn(2, VERTICES, 3, generator=rng)
    pictures, people = [], []
    for person in range(PEOPLE):
        true = torch.randn(VERTICES, 3, generator=rng)
        for _ in range(VIEWS):
            vertex = torch.randperm(VERTICES, generator=rng)[:40]
            basis = axis_angle_to_matrix(0.7 * torch.randn(3, generator=rng))[:rows]
            shown = own * true + (1 - own) * torch.randn(VERTICES, 3, generator=rng)
            values = [(value + part)[vertex] @ basis.T for value, part in zip((shown, true), shared, strict=True)]
            pictures.append(Deviations(vertex, values[0], values[1], basis))
            people.append(str(person))
    products = own_products(people, pictures)
    assert products is not None
    return agreement(people, np.stack([one.double().sum(0).numpy() for one in products]))


@pytest.mark.parametrize("rows", [2, 3])
@pytest.mark.parametrize("common", [0.0, 3.0])
def test_only_what_is_common_goes(rows: int, common: float) -> None:
    blind, half, all_of_it = (found(common, own, rows) for own in (0.0, 0.5, 1.0))
    assert blind is not None
    assert blind.correlation.value == pytest.approx(0, abs=0.1)
    assert half is not None
    assert half.correlation.value == pytest.approx(0.5**0.5, abs=0.1)
    assert half.strength.value == pytest.approx(0.5, abs=0.1)
    assert all_of_it is not None
    assert all_of_it.correlation.value > 0.9


def test_one_person_has_nothing_in_common_with_others() -> None:
    one = Deviations(torch.tensor([3]), torch.ones(1, 3), torch.ones(1, 3), torch.eye(3))
    assert own_products(["ann", "ann"], [one, one]) is None
    empty = Deviations(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3), torch.zeros(0, 3), torch.eye(3))
    products = own_products(["ann", "bob"], [empty, one])
    assert products is not None
    assert [len(part) for part in products] == [0, 1]
