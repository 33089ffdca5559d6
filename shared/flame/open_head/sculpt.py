"""From MakeHuman's sculpted vertices to the head's: solid vertices copied or interpolated, eyes made spheres."""

from __future__ import annotations

import numpy as np

from shared.flame.open_head import eyes
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.topology import Topology


class Sculpt:
    """Maps base mesh data to head vertices; affine, with a linear part for offsets."""

    def __init__(self, topology: Topology, raw_rest: Array) -> None:
        """``raw_rest`` (K, 3): the base mesh, metres."""
        self.topology = topology
        self._rest = raw_rest
        self._directions = eyes.unit_sphere()[0]

    def positions(self, raw: Array) -> Array:
        """(K, 3) sculpted positions -> (V, 3), eyeballs of the fixed mean radius."""
        centres = [raw[rows].mean(-2) for rows in self._eye_rows()]
        balls = [centre[None] + eyes.RADIUS * self._directions for centre in centres]
        return np.concatenate([self.topology.solid(raw), *balls], -2)

    def offsets(self, raw: Array) -> Array:
        """(..., K, 3) sculpted offsets -> (..., V, 3)."""
        balls = []
        for rows in self._eye_rows():
            centre, radius = eyes.fit_sphere(raw[..., rows, :], self._rest[rows])
            grown = eyes.RADIUS_GAIN * radius[..., None, None] * self._directions
            balls.append((centre[..., None, :] + grown).astype(raw.dtype))
        return np.concatenate([self.topology.solid(raw), *balls], -2)

    def _eye_rows(self) -> tuple[Array, Array]:
        return self.topology.left_eye_raw, self.topology.right_eye_raw
