"""Traces of a network's own grid in its maps.

A ViT predicts patch by patch, and a light decoder may treat the pixels of a small cell unequally. Real surfaces know
nothing of that grid, so what repeats with it is no geometry. Both scores are in the unit of the map, and medians: where
the real surface jumps, as at the outline of the nose, is not on a grid, but would outweigh all else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

PERIODS = (2, 4, 8, 16)  # pixels: cells of decoders that end at stride 2, and of a ViT's tokens
_WINDOW = 8  # pixels over which an alternating pattern keeps its sign; noise does not
_MIN_PIXELS = 64


def patch_score(values: Tensor, mask: Tensor) -> float:
    """How strongly the grid shows: the largest of `edge_step` over `PERIODS` and `alternation`.

    Args:
        values: (C, H, W) a map whose pixel (0, 0) begins a cell.
        mask: (H, W) where it means something.
    """
    axes = _third_differences(values, mask)
    return max(0.0, *(_alternation(axis) for axis in axes), *(_edge_step(axes, period) for period in PERIODS))


def edge_step(values: Tensor, mask: Tensor, period: int) -> float:
    """Typical height of the step from cell to cell, beyond what other neighbours show; 0 without a grid.

    Of third differences across the gap between two pixels, which no quadratic surface has and to which a step
    contributes twice its height: those at the edges of cells against the median over the other gaps of a cell.
    """
    return max(0.0, _edge_step(_third_differences(values, mask), period))


def alternation(values: Tensor, mask: Tensor) -> float:
    """Typical amplitude of what alternates from pixel to pixel along rows or columns; 0 without such a pattern."""
    return max(_alternation(axis) for axis in _third_differences(values, mask))


@dataclass(frozen=True)
class _Differences:
    """Third differences along every second row; number g is across the gap between pixels g + 1 and g + 2."""

    signed: Tensor  # (C, H / 2, W - 3)
    size: Tensor  # (H / 2, W - 3) length over the channels
    valid: Tensor  # (H / 2, W - 3) whether all four pixels are


def _third_differences(values: Tensor, mask: Tensor) -> list[_Differences]:
    """Those along rows and those along columns."""
    return [_along_rows(values, mask), _along_rows(values.mT, mask.T)]


def _along_rows(values: Tensor, mask: Tensor) -> _Differences:
    values, mask = values[:, ::2].contiguous(), mask[::2].contiguous()  # medians need no more
    a, b, c, d = (values[..., start : values.shape[-1] - 3 + start] for start in range(4))
    signed = (b - c).mul_(3).add_(d).sub_(a)
    valid = mask[:, :-3] & mask[:, 1:-2] & mask[:, 2:-1] & mask[:, 3:]
    return _Differences(signed, _length(signed), valid)


def _edge_step(axes: list[_Differences], period: int) -> float:
    steps = []
    for axis in axes:
        typical = []
        size, valid = axis.size.numpy(), axis.valid.numpy()
        for start in range(period - 2, 2 * period - 2):  # the first is across the edge of a cell
            column = slice(start % period, None, period)
            chosen = size[:, column][valid[:, column]]
            if len(chosen) < _MIN_PIXELS:
                return 0.0
            typical.append(median(chosen))
        others = typical[2:-1] if period > 2 else typical[1:]  # the gaps next to an edge feel it too
        steps.append((typical[0] - median(np.array(others))) / 2)
    return sum(steps) / 2


def _alternation(axis: _Differences) -> float:
    signs = 1.0 - 2.0 * (torch.arange(axis.signed.shape[-1]) % 2)
    # Of every second row, as the pattern may differ between even and odd ones.
    high, wide = _WINDOW // 2, _WINDOW
    rows, columns = axis.valid.shape[0] // high * high, axis.valid.shape[1] // wide * wide
    shape = (rows // high, high, columns // wide, wide)
    means = (axis.signed * signs)[:, :rows, :columns].reshape(-1, *shape).sum(4).sum(2) / (high * wide)
    whole = axis.valid[:rows, :columns].reshape(shape).all(3).all(1)
    return float(_length(means)[whole].median()) / 8 if whole.any() else 0.0


def _length(vectors: Tensor) -> Tensor:
    """(C, ...) -> (...). `torch.norm` along the first dimension takes ten times as long."""
    return vectors.square().sum(0).sqrt_()


def median(values: np.ndarray) -> float:
    """The lower one of an even number, as torch; in a fifth of its time."""
    middle = (len(values) - 1) // 2
    return float(np.partition(values, middle)[middle])
