"""Beyond which a triangle is dropped; both backends keep to it. See `rasterizer`."""

from __future__ import annotations

# numba compiles these into its cache, which follows changes of `numba_backend.py` only.
NEAR_M = 0.01
FARTHEST_PX = 1e7
