"""Means of what steps measure, kept on the device until somebody looks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class RunningMean:
    """Means by name of numbers on a device; those that are not finite are left out."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._sum: Tensor | None = None  # (2, N): sums, and how many

    @torch.no_grad()
    def add(self, values: Mapping[str, Tensor]) -> None:
        """Numbers of one step, always under the same names."""
        numbers = torch.stack([value.float() for value in values.values()])
        finite = torch.isfinite(numbers)
        row = torch.stack([torch.where(finite, numbers, 0), finite.float()])
        self._names = tuple(values)
        self._sum = row if self._sum is None else self._sum + row

    def read(self) -> dict[str, float]:
        """The means since the last call, of what was finite at least once. Waits for the device."""
        if self._sum is None:
            return {}
        sums, counts = self._sum.tolist()
        self._sum = None
        return {name: total / count for name, total, count in zip(self._names, sums, counts, strict=True) if count}
