"""Samples of a step as a loader collates them, and what became of those that could not be made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from torch import Tensor

from shared.records.tensor_record import TensorRecord, stack

Sample = TypeVar("Sample", bound=TensorRecord)


@dataclass(frozen=True)
class BadSample:
    """A sample that could not be made."""

    index: int  # as it was asked for
    reason: str  # with the file or the folder


@dataclass(frozen=True)
class SampleBatch(Generic[Sample]):
    """The samples of a step that could be made, and those that could not."""

    sample: Sample | None  # (B, ...); None if there are none
    bad: tuple[BadSample, ...]

    def pin_memory(self) -> SampleBatch[Sample]:
        """Where a GPU can fetch it while it computes; a `DataLoader` asks for this."""
        return self if self.sample is None else replace(self, sample=self.sample.map(Tensor.pin_memory))


def collate(items: Sequence[Sample | BadSample]) -> SampleBatch[Sample]:
    """Stack the samples of a step; what could not be made stands beside them."""
    bad = tuple(item for item in items if isinstance(item, BadSample))
    samples = [item for item in items if not isinstance(item, BadSample)]
    return SampleBatch(stack(samples) if samples else None, bad)
