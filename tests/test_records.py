"""Records of tensors: mapped, moved, indexed and joined with everything nested in them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass

import pytest
import torch
from torch import Tensor

from shared.records.tensor_record import TensorRecord, concatenate, stack


@dataclass(frozen=True)
class Inner(TensorRecord):
    points: Tensor
    ids: Tensor


@dataclass(frozen=True)
class Outer(TensorRecord):
    inner: Inner
    weight: Tensor
    extra: Tensor | None = None
    size: tuple[int, int] = (4, 6)


def _record(batch: int = 3, start: float = 0.0) -> Outer:
    points = torch.arange(batch * 4.0).reshape(batch, 2, 2) + start
    return Outer(Inner(points, torch.arange(batch)), torch.full((batch,), start))


def test_map_reaches_nested_tensors_and_keeps_the_rest() -> None:
    record = _record()
    doubled = record.map(lambda tensor: tensor * 2)
    torch.testing.assert_close(doubled.inner.points, record.inner.points * 2)
    assert doubled.inner.ids.tolist() == [0, 2, 4]
    assert doubled.extra is None
    assert doubled.size == (4, 6)
    assert record.inner.ids.tolist() == [0, 1, 2]  # the first record is as it was


def test_to_casts_floats_only() -> None:
    cast = _record().to(torch.float64)
    assert cast.inner.points.dtype == cast.weight.dtype == torch.float64
    assert cast.inner.ids.dtype == torch.int64
    moved = _record().to("meta")
    assert moved.inner.ids.device.type == moved.weight.device.type == "meta"


def test_detach() -> None:
    record = _record().map(lambda tensor: tensor.float().requires_grad_())
    assert record.inner.points.requires_grad
    assert not record.detach().inner.points.requires_grad


def test_index() -> None:
    record = _record()
    assert record[1].inner.points.tolist() == record.inner.points[1].tolist()
    assert record[1].weight.shape == ()
    assert record[1:].inner.ids.tolist() == [1, 2]
    assert record[torch.tensor([True, False, True])].inner.ids.tolist() == [0, 2]
    assert record[None].inner.points.shape == (1, 3, 2, 2)


def test_stack_and_concatenate() -> None:
    first, second = _record(start=0), _record(start=100)
    stacked = stack([first, second])
    assert stacked.inner.points.shape == (2, 3, 2, 2)
    torch.testing.assert_close(stacked[1].inner.points, second.inner.points)
    joined = concatenate([first, second])
    assert joined.weight.tolist() == [0, 0, 0, 100, 100, 100]
    torch.testing.assert_close(joined[3:].inner.points, second.inner.points)
    assert joined.extra is None


def test_joining_what_does_not_match_is_an_error() -> None:
    with_extra = Outer(_record().inner, torch.zeros(3), extra=torch.ones(3))
    for first, second in ((_record(), with_extra), (with_extra, _record())):
        with pytest.raises(ValueError, match="extra"):
            concatenate([first, second])
    resized = Outer(_record().inner, torch.zeros(3), size=(8, 8))
    with pytest.raises(ValueError, match=r"size.*\(4, 6\).*\(8, 8\)"):
        stack([_record(), resized])
    with pytest.raises(ValueError, match="no records"):
        stack([])


def test_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        _record().weight = torch.zeros(1)  # type: ignore[misc]
