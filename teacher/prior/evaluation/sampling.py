"""Maps at points."""

from __future__ import annotations

import torch
from torch import Tensor

_WHOLE = 0.999  # of the four pixels' weights


def sample_map(values: Tensor, mask: Tensor | None, points_px: Tensor) -> tuple[Tensor, Tensor]:
    """Bilinear values at points.

    Args:
        values: (C, H, W).
        mask: (H, W) bool, where they count; None: everywhere.
        points_px: (P, 2) pixels of the map.

    Returns:
        (P, C) and (P,) bool, whether the point lies in the map and all pixels around it count.
    """
    height, width = values.shape[-2:]
    size = points_px.new_tensor([width, height])
    grid = (2 * points_px / size - 1)[None, None].to(values.dtype)
    inside = ((points_px >= 0) & (points_px <= size)).all(-1)

    def at(maps: Tensor) -> Tensor:
        found = torch.nn.functional.grid_sample(maps[None], grid, padding_mode="border", align_corners=False)
        return found[0, :, 0].T

    if mask is None:
        return at(values), inside
    return at(values), inside & (at(mask[None].to(values.dtype))[:, 0] > _WHOLE)
