"""Linear systems whose blocks couple each row with the next two, as terms between successive frames make them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Bands:
    """A symmetric matrix of T x T blocks."""

    diagonal: Tensor  # (T, d, d)
    first: Tensor  # (T, d, d) block (t, t + 1); the last is not used
    second: Tensor  # (T, d, d) block (t, t + 2); the last two are not used

    def part(self, rows: slice) -> Bands:
        """The matrix of some rows, without what couples them to others."""
        return Bands(self.diagonal[rows], self.first[rows], self.second[rows])


def solve_bands(bands: Bands, right: Tensor) -> Tensor:
    """Solve ``A x = right`` by block Cholesky, in time linear in T.

    Args:
        bands: the matrix.
        right: (T, d, R).

    Returns:
        x (T, d, R); NaN if the matrix is not positive definite.
    """
    count = len(right)
    factors: list[Tensor] = []
    lower1: list[Tensor] = []  # block (t, t - 1) of the factor
    lower2: list[Tensor] = []  # block (t, t - 2)
    forward: list[Tensor] = []
    for t in range(count):
        pivot, value = bands.diagonal[t], right[t]
        if t > 1:
            two = _right_solve(factors[t - 2], bands.second[t - 2])
            pivot = pivot - two @ two.T
            value = value - two @ forward[t - 2]
            lower2.append(two)
        if t > 0:
            coupling = bands.first[t - 1].T
            if t > 1:
                coupling = coupling - lower2[-1] @ lower1[-1].T
            one = torch.linalg.solve_triangular(factors[t - 1], coupling.T, upper=False).T
            pivot = pivot - one @ one.T
            value = value - one @ forward[t - 1]
            lower1.append(one)
        factor, info = torch.linalg.cholesky_ex(pivot)
        if int(info):
            return torch.full_like(right, torch.nan)
        factors.append(factor)
        forward.append(torch.linalg.solve_triangular(factor, value, upper=False))
    solved: list[Tensor] = [torch.empty(0)] * count
    for t in reversed(range(count)):
        value = forward[t]
        if t + 1 < count:
            value = value - lower1[t].T @ solved[t + 1]
        if t + 2 < count:
            value = value - lower2[t].T @ solved[t + 2]
        solved[t] = torch.linalg.solve_triangular(factors[t].T, value, upper=True)
    return torch.stack(solved)


def _right_solve(factor: Tensor, block: Tensor) -> Tensor:
    """``block^T factor^-T`` for a block (t - 2, t)."""
    return torch.linalg.solve_triangular(factor, block, upper=False).T
