"""Whether landmarks that a detector found on a portrait are of the head in it, and not of somebody beside it."""

from __future__ import annotations

import torch
from torch import Tensor

# A face found further off than this share of the true one's size, or as much smaller or larger, is somebody else's.
_OTHER_FACE = 0.5


def is_own_face(detected_px: Tensor, truth_px: Tensor) -> Tensor:
    """(...) by the boxes around landmarks that were found (..., N, 2) and true ones (..., M, 2), in the same pixels."""
    (found_low, found_high), (low, high) = (torch.aminmax(points, dim=-2) for points in (detected_px, truth_px))
    found_side, side = (found_high - found_low).amax(-1), (high - low).amax(-1)
    off = (found_low + found_high - low - high).norm(dim=-1) / 2
    return (off < _OTHER_FACE * side) & (_OTHER_FACE * side < found_side) & (found_side < side / _OTHER_FACE)
