"""A person's own deviations: what is left when all that other people's pictures have in common is taken away.

A mean head that smooths every lip, or a network that tilts every nose, deviates from the truth in the same way on
everybody. Such constants say nothing of a person, and the fit takes the network's away
(`teacher.evidence.vertex_noise`). So at every vertex of the head the mean deviation of **all other people** is
subtracted, from the predicted and from the true deviations each their own, in the axes of the head: least squares where
a picture shows two of three components, with a slight pull to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.records.tensor_record import TensorRecord
from teacher.prior.evaluation.deviations import products

PRIOR_VIEWS = 0.3  # enough for vertices that hardly anybody shows


@dataclass(frozen=True)
class Deviations(TensorRecord):
    """One picture's, at K places."""

    vertex: Tensor  # (K,) int64 nearest vertex of the head
    predicted: Tensor  # (K, D) from the mean head
    true: Tensor  # (K, D)
    basis: Tensor  # (D, 3) rotation from the head's axes to those of the deviations, or its first rows


def own_products(people: Sequence[str], pictures: Sequence[Deviations]) -> list[Tensor] | None:
    """(K, 3) a picture, as of `products`, of the deviations less those common to the others.

    Args:
        people: whom each picture shows.
        pictures: with equal D.

    Returns:
        None if all show one person.
    """
    names = sorted(set(people))
    if len(names) < 2:
        return None
    count = 1 + max((int(one.vertex.max()) for one in pictures if len(one.vertex)), default=0)
    sums = {name: _Sums.none(count) for name in names}
    for name, one in zip(people, pictures, strict=True):
        sums[name].add(one)
    total = _Sums.none(count)
    for one in sums.values():
        total = total + one
    common = {name: (total - sums[name]).means() for name in names}
    found = []
    for name, one in zip(people, pictures, strict=True):
        shared = common[name][:, one.vertex] @ one.basis.double().T  # (2, K, D)
        found.append(products(one.predicted.double() - shared[0], one.true.double() - shared[1]).float())
    return found


@dataclass(frozen=True, eq=False)
class _Sums:
    """Normal equations of a mean at each of V vertices, for predicted and true deviations."""

    square: Tensor  # (V, 3, 3) float64
    right: Tensor  # (2, V, 3)

    @staticmethod
    def none(count: int) -> _Sums:
        return _Sums(torch.zeros(count, 3, 3, dtype=torch.float64), torch.zeros(2, count, 3, dtype=torch.float64))

    def add(self, one: Deviations) -> None:
        """Another picture; changes the sums."""
        basis = one.basis.double()
        counts = torch.bincount(one.vertex, minlength=len(self.square)).double()
        self.square.add_(counts[:, None, None] * (basis.T @ basis))
        for place, values in enumerate((one.predicted, one.true)):
            self.right[place].index_add_(0, one.vertex, values.double() @ basis)

    def means(self) -> Tensor:
        """(2, V, 3) predicted and true."""
        pulled = self.square + PRIOR_VIEWS * torch.eye(3, dtype=torch.float64)
        return torch.linalg.solve(pulled[None], self.right[..., None])[..., 0]

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(self.square + other.square, self.right + other.right)

    def __sub__(self, other: _Sums) -> _Sums:
        return _Sums(self.square - other.square, self.right - other.right)
