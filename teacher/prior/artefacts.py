"""Traces of a network's own grid in its maps.

A ViT predicts patch by patch, and a light decoder may treat the pixels of a small cell unequally. Real surfaces know
nothing of that grid, so what repeats with it is no geometry. Both scores are in the unit of the map, and medians: where
the real surface jumps, as at the outline of the nose, is not on a grid, but would outweigh all else.
"""

from __future__ import annotations

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
    return max(alternation(values, mask), *(edge_step(values, mask, period) for period in PERIODS))


def edge_step(values: Tensor, mask: Tensor, period: int) -> float:
    """Typical height of the step from cell to cell, beyond what other neighbours show; 0 without a grid.

    Of third differences across the gap between two pixels, which no quadratic surface has and to which a step
    contributes twice its height: those at the edges of cells against the median over the other gaps of a cell.
    """
    steps = [_edge_step(values, mask, period), _edge_step(values.mT, mask.T, period)]
    return max(0.0, sum(steps) / 2)


def alternation(values: Tensor, mask: Tensor) -> float:
    """Typical amplitude of what alternates from pixel to pixel along rows or columns; 0 without such a pattern."""
    return max(_alternation(values, mask), _alternation(values.mT, mask.T))


def _third_differences(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Along rows: (C, H, W - 3), number g across the gap between pixels g + 1 and g + 2, and (H, W - 3) validity."""
    a, b, c, d = (values[..., start : values.shape[-1] - 3 + start] for start in range(4))
    valid = mask[:, :-3] & mask[:, 1:-2] & mask[:, 2:-1] & mask[:, 3:]
    return d - a + 3 * (b - c), valid


def _edge_step(values: Tensor, mask: Tensor, period: int) -> float:
    differences, valid = _third_differences(values, mask)
    size = differences.norm(dim=0)
    phase = (torch.arange(size.shape[1]) + 2) % period  # 0 where a cell ends
    typical = []
    for which in range(period):
        chosen = valid & (phase == which)
        if chosen.sum() < _MIN_PIXELS:
            return 0.0
        typical.append(size[chosen].median())
    others = torch.stack(typical[2:-1] if period > 2 else typical[1:])  # the gaps next to an edge feel it too
    return float(typical[0] - others.median()) / 2


def _alternation(values: Tensor, mask: Tensor) -> float:
    differences, valid = _third_differences(values, mask)
    signs = 1.0 - 2.0 * (torch.arange(differences.shape[-1]) % 2)
    rows, columns = (side // _WINDOW * _WINDOW for side in valid.shape)
    # Windows of 8 columns and every second of 8 rows: the pattern may differ between even and odd rows.
    shape = (rows // _WINDOW, _WINDOW // 2, 2, columns // _WINDOW, _WINDOW)
    means = (differences * signs)[:, :rows, :columns].reshape(-1, *shape).mean((2, 5)).norm(dim=0) / 8
    whole = valid[:rows, :columns].reshape(shape).all(4).all(1)
    return float(means[whole].median()) if whole.any() else 0.0
