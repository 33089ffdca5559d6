"""Linear repairs of the sculpted head: sealed lips, lids that rest on the eyeballs.

Each repair is a fixed linear map of vertex positions, so identities keep it and blendshapes stay linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.flame.open_head import eyes
from shared.flame.open_head.loops import EXTERIOR, HeadLoops, LidLoop, LipLoop
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.spread import decaying_extension
from shared.flame.open_head.topology import Topology

LIP_REACH = 0.005  # metres over which a repair fades
LID_REACH = 0.005
LID_GAP = 0.0004  # between rim and ball, metres
CANTHUS_SHARE = 0.55  # of the sculpted distance to the ball that a corner keeps


def interpolation(along: Array, at: Array) -> Array:
    """(M, N) weights that interpolate a polyline with increasing parameter ``along`` (N,) at ``at`` (M,)."""
    order = np.argsort(along)
    identity = np.eye(len(along))[order]
    return np.stack([np.interp(at, along[order], identity[:, k]) for k in range(len(along))], 1)


@dataclass(frozen=True)
class HandleMap:
    """x -> x + spread @ (operator @ x[handles] + constant)."""

    handles: Array  # (H,)
    spread: Array  # (V, H)

    def move(self, positions: Array, displacement: Array) -> Array:
        """Add handle displacements (..., H, 3) to positions (..., V, 3)."""
        return positions + np.matmul(self.spread, displacement)


class LipSeal:
    """Brings both lip lines on one line: the lower run halfway, the upper run exactly on it."""

    def __init__(self, topology: Topology, positions: Array, lips: LipLoop) -> None:
        self._upper, self._lower = lips.upper, lips.lower
        handles = np.concatenate([lips.upper, lips.lower[1:-1]])
        spread = decaying_extension(positions, topology.label_faces(*EXTERIOR), handles, LIP_REACH)
        self._map = HandleMap(handles, spread)
        x_upper, x_lower = positions[lips.upper, 0], positions[lips.lower, 0]
        self._upper_at_lower = interpolation(x_upper, x_lower)
        self._lower_at_upper = interpolation(x_lower, x_upper)

    def __call__(self, x: Array) -> Array:
        """(..., V, 3) positions or offsets."""
        upper, lower = x[..., self._upper, :], x[..., self._lower, :]
        middle = 0.5 * (lower + self._upper_at_lower @ upper)
        middle[..., [0, -1], :] = upper[..., [0, -1], :]
        to_upper = self._lower_at_upper @ middle - upper
        return self._map.move(x, np.concatenate([to_upper, (middle - lower)[..., 1:-1, :]], -2))


class LidFit:
    """Moves a lid rim along the ball's normals to a fixed gap; the corners keep part of their distance."""

    def __init__(
        self, topology: Topology, positions: Array, lid: LidLoop, ball: slice, corner_share: float = CANTHUS_SHARE
    ) -> None:
        self._ball = ball
        rim = lid.rim
        centre = eyes.ball_centre(positions[ball])
        outward = positions[rim] - centre
        distance = np.linalg.norm(outward, axis=1)
        self._normal = outward / distance[:, None]
        faces = topology.label_faces("head", "left_socket", "right_socket")
        self._map = HandleMap(rim, decaying_extension(positions, faces, rim, LID_REACH))
        width = positions[lid.outer, 0] - positions[lid.inner, 0]
        along = np.clip((positions[rim, 0] - positions[lid.inner, 0]) / width, 0, 1)
        corner = np.maximum(1 - along / 0.3, 0) ** 0.5 + np.maximum(1 - (1 - along) / 0.15, 0) ** 0.5
        self._free = corner_share * np.clip(corner, 0, 1)  # (H,) share of a rim vertex's motion that is left to it
        self.gap = LID_GAP + self._free * np.maximum(distance - eyes.ball_radius(positions[ball]) - LID_GAP, 0)

    def positions(self, x: Array) -> Array:
        """(V, 3) positions: the rim gets the gap it is meant to have."""
        return self._move(x, self.gap, np.ones(len(self.gap)))

    def offsets(self, x: Array) -> Array:
        """(..., V, 3) offsets: the rim follows the ball, its corners in part."""
        return self._move(x, np.zeros(len(self.gap)), 1 - self._free)

    def _move(self, x: Array, gap: Array, share: Array) -> Array:
        ball = x[..., self._ball, :]
        centre, radius = eyes.ball_centre(ball), eyes.ball_radius(ball)
        reach = ((x[..., self._map.handles, :] - centre[..., None, :]) * self._normal).sum(-1)
        change = share * (radius[..., None] + gap - reach)
        return self._map.move(x, change[..., None] * self._normal)


def lid_fits(
    topology: Topology, positions: Array, loops: HeadLoops, corner_share: float = CANTHUS_SHARE
) -> tuple[LidFit, LidFit]:
    """The left and the right lid's repair; the corners keep ``corner_share`` of their distance to the ball."""
    return (
        LidFit(topology, positions, loops.left_lid, topology.left_eye, corner_share),
        LidFit(topology, positions, loops.right_lid, topology.right_eye, corner_share),
    )
