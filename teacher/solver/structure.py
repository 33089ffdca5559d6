"""Which views show the same frame, and which frames the same subject.

A photo is a view, a frame and a subject by itself. A clip is one subject in a frame a frame. Several cameras that
fire together are one frame. What a term or an unknown belongs to is its level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

VIEW, FRAME, SUBJECT = LEVELS = range(3)


@dataclass(frozen=True)
class Structure:
    """Rows of a level belong to rows of the level above; both lists rise, so that what belongs together is together."""

    frame: Tensor  # (N,) int64, of each view
    subject: Tensor  # (T,) int64, of each frame

    def __post_init__(self) -> None:
        for name in ("frame", "subject"):
            index = getattr(self, name)
            steps = index.diff()
            if not len(index) or index[0] != 0 or bool(((steps != 0) & (steps != 1)).any()):
                raise ValueError(f"{name} must count up from 0 in steps of 0 or 1, got {index.tolist()[:20]}")
        if len(self.subject) != int(self.frame[-1]) + 1:
            raise ValueError(f"{int(self.frame[-1]) + 1} frames, but subjects of {len(self.subject)}")

    @staticmethod
    def photos(count: int, device: torch.device | str = "cpu") -> Structure:
        """Each view another subject."""
        each = torch.arange(count, device=device)
        return Structure(each, each)

    @staticmethod
    def of_one(frames: Tensor) -> Structure:
        """Pictures of one subject, taken at these frames (N,)."""
        return Structure(frames, torch.zeros(int(frames[-1]) + 1, dtype=torch.int64, device=frames.device))

    def count(self, level: int) -> int:
        """Rows of a level."""
        return self._counts[level]

    @cached_property
    def _counts(self) -> tuple[int, int, int]:
        return len(self.frame), len(self.subject), int(self.subject[-1]) + 1

    def owner(self, level: int, above: int) -> Tensor:
        """Which row of ``above`` each row of ``level`` belongs to."""
        if level == above:
            return torch.arange(self.count(level), device=self.frame.device)
        if level == VIEW:
            return self.frame if above == FRAME else self.subject[self.frame]
        return self.subject

    def sum_by_subject(self, values: Tensor, level: int) -> Tensor:
        """(rows, ...) -> (subjects, ...)."""
        total = values.new_zeros(self.count(SUBJECT), *values.shape[1:])
        return total.index_add_(0, self.owner(level, SUBJECT), values)

    def select(self, subjects: Tensor) -> tuple[Structure, tuple[Tensor, Tensor, Tensor]]:
        """The structure of some subjects (P,), rising, and which rows of each level they have."""
        kept = torch.zeros(self.count(SUBJECT), dtype=torch.bool, device=subjects.device)
        kept[subjects] = True
        frames = kept[self.subject].nonzero()[:, 0]
        views = kept[self.owner(VIEW, SUBJECT)].nonzero()[:, 0]
        return Structure(_dense(self.frame[views]), _dense(self.subject[frames])), (views, frames, subjects)


def _dense(index: Tensor) -> Tensor:
    """The same steps from 0 on, without gaps."""
    return torch.cat([index.new_zeros(1), (index.diff() != 0).long()]).cumsum(0)
