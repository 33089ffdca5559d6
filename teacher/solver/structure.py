"""Which pictures show the same moment, and which moments the same person.

A photo is a picture, a moment and a person by itself. A clip is one person in a moment a frame. Several cameras that
fire together are one moment. What a term or an unknown belongs to is its level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

PICTURE, MOMENT, PERSON = LEVELS = range(3)


@dataclass(frozen=True)
class Structure:
    """Rows of a level belong to rows of the level above; both lists rise, so that what belongs together is together."""

    moment: Tensor  # (N,) int64, of each picture
    person: Tensor  # (T,) int64, of each moment

    def __post_init__(self) -> None:
        for name in ("moment", "person"):
            index = getattr(self, name)
            steps = index.diff()
            if not len(index) or index[0] != 0 or bool(((steps != 0) & (steps != 1)).any()):
                raise ValueError(f"{name} must count up from 0 in steps of 0 or 1, got {index.tolist()[:20]}")
        if len(self.person) != int(self.moment[-1]) + 1:
            raise ValueError(f"{int(self.moment[-1]) + 1} moments, but persons of {len(self.person)}")

    @staticmethod
    def photos(count: int, device: torch.device | str = "cpu") -> Structure:
        """Each picture another person."""
        each = torch.arange(count, device=device)
        return Structure(each, each)

    @staticmethod
    def of_one(moments: Tensor) -> Structure:
        """Pictures of one person, taken at these moments (N,)."""
        return Structure(moments, torch.zeros(int(moments[-1]) + 1, dtype=torch.int64, device=moments.device))

    def count(self, level: int) -> int:
        """Rows of a level."""
        return self._counts[level]

    @cached_property
    def _counts(self) -> tuple[int, int, int]:
        return len(self.moment), len(self.person), int(self.person[-1]) + 1

    def owner(self, level: int, above: int) -> Tensor:
        """Which row of ``above`` each row of ``level`` belongs to."""
        if level == above:
            return torch.arange(self.count(level), device=self.moment.device)
        if level == PICTURE:
            return self.moment if above == MOMENT else self.person[self.moment]
        return self.person

    def sum_by_person(self, values: Tensor, level: int) -> Tensor:
        """(rows, ...) -> (persons, ...)."""
        total = values.new_zeros(self.count(PERSON), *values.shape[1:])
        return total.index_add_(0, self.owner(level, PERSON), values)

    def select(self, persons: Tensor) -> tuple[Structure, tuple[Tensor, Tensor, Tensor]]:
        """The structure of some persons (P,), rising, and which rows of each level they have."""
        kept = torch.zeros(self.count(PERSON), dtype=torch.bool, device=persons.device)
        kept[persons] = True
        moments = kept[self.person].nonzero()[:, 0]
        pictures = kept[self.owner(PICTURE, PERSON)].nonzero()[:, 0]
        return Structure(_dense(self.moment[pictures]), _dense(self.person[moments])), (pictures, moments, persons)


def _dense(index: Tensor) -> Tensor:
    """The same steps from 0 on, without gaps."""
    return torch.cat([index.new_zeros(1), (index.diff() != 0).long()]).cumsum(0)
