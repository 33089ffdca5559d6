"""Frozen records of tensors: what every hand-over between functions is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Record = TypeVar("Record", bound="TensorRecord")


class TensorRecord:
    """Base of frozen dataclasses whose fields are tensors, records, None, or plain values.

    The leading dimensions ``...`` are shared by all tensor fields of one record; the trailing ones are in each class's
    docstring. Every method returns a new record.
    """

    def map(self: Record, function: Callable[[Tensor], Tensor]) -> Record:
        """Apply ``function`` to every tensor, nested records included."""
        assert is_dataclass(self)
        changed: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                changed[field.name] = function(value)
            elif isinstance(value, TensorRecord):
                changed[field.name] = value.map(function)
        return replace(self, **changed)  # type: ignore[type-var]

    def to(self: Record, target: torch.device | torch.dtype | str) -> Record:
        """Move to a device, or cast the floating-point tensors to a dtype."""
        if isinstance(target, torch.dtype):
            return self.map(lambda t: t.to(target) if t.is_floating_point() else t)
        return self.map(lambda t: t.to(target))

    def detach(self: Record) -> Record:
        """Cut the record from the autograd graph."""
        return self.map(lambda t: t.detach())

    def __getitem__(self: Record, index: Any) -> Record:
        """Index the leading dimension(s) of every tensor."""
        return self.map(lambda t: t[index])


def _combine(records: Sequence[Record], function: Callable[[list[Tensor]], Tensor]) -> Record:
    if not records:
        raise ValueError("no records to join")
    first = records[0]
    assert is_dataclass(first)
    changed: dict[str, Any] = {}
    for field in fields(first):
        values = [getattr(record, field.name) for record in records]
        kinds = (Tensor, TensorRecord)
        kind = next((kind for kind in kinds if isinstance(values[0], kind)), None)
        if any(not isinstance(value, kind) if kind else isinstance(value, kinds) for value in values):
            raise ValueError(f"{type(first).__name__}.{field.name} is a tensor in some records and none in others")
        if kind is Tensor:
            changed[field.name] = function(values)
        elif kind is TensorRecord:
            changed[field.name] = _combine(values, function)
        else:
            other = next((value for value in values if value != values[0]), values[0])
            if other != values[0]:
                raise ValueError(f"{type(first).__name__}.{field.name} differs: {values[0]!r} and {other!r}")
    return replace(first, **changed)  # type: ignore[type-var]


def stack(records: Sequence[Record], dim: int = 0) -> Record:
    """Stack records of equal shapes along a new leading dimension. ValueError where their plain values differ."""
    return _combine(records, lambda tensors: torch.stack(tensors, dim))


def concatenate(records: Sequence[Record], dim: int = 0) -> Record:
    """Join records along an existing leading dimension. ValueError where their plain values differ."""
    return _combine(records, lambda tensors: torch.cat(tensors, dim))
