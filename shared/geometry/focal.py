"""Focal lengths in pixels from how cameras and people state them."""

from __future__ import annotations

import math
from collections.abc import Sequence

DIAGONAL_35MM = math.hypot(36.0, 24.0)  # of the frame that "35 mm equivalent" focal lengths refer to, in mm


def focal_from_fov(fov_rad: float, extent_px: float) -> float:
    """Focal length in pixels that sees ``extent_px`` under the angle ``fov_rad``."""
    return extent_px / (2 * math.tan(fov_rad / 2))


def focal_to_35mm(focal_px: float, size: Sequence[int]) -> float:
    """35 mm equivalent of a focal length in pixels of an image of (height, width), as in `focal_from_35mm`."""
    return focal_px * DIAGONAL_35MM / math.hypot(*size)


def focal_from_35mm(focal_35mm: float, size: Sequence[int]) -> float:
    """Focal length in pixels from its 35 mm equivalent, for an image of (height, width).

    Equivalents compare diagonals, as EXIF (CIPA DCG-001) defines them.
    """
    return focal_35mm / DIAGONAL_35MM * math.hypot(*size)
