"""Boundary loops of triangle patches, and the named loops of the head: lips, lids, neck edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.topology import Topology

EXTERIOR = ("head", "mouth_cavity", "left_socket", "right_socket", "neck")


def boundary_loops(faces: Array) -> list[Array]:
    """Closed vertex loops along the edges that only one triangle uses, in the triangles' own direction."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    _, inverse, count = np.unique(np.sort(edges, 1), axis=0, return_inverse=True, return_counts=True)
    after = dict(edges[count[inverse.ravel()] == 1].tolist())
    loops, seen = [], set()
    for start in after:
        if start in seen:
            continue
        loop, vertex = [start], after[start]
        seen.add(start)
        while vertex not in seen:
            loop.append(vertex)
            seen.add(vertex)
            vertex = after[vertex]
        loops.append(np.array(loop))
    return loops


@dataclass(frozen=True)
class LidLoop:
    """The rim of one eye. Both runs go from the inner to the outer corner and include both."""

    inner: int
    outer: int
    upper: Array
    lower: Array

    @property
    def rim(self) -> Array:
        """Every vertex once: upper run, then the lower run without the corners."""
        return np.concatenate([self.upper, self.lower[1:-1]])


@dataclass(frozen=True)
class LipLoop:
    """The line where the lips meet. Both runs go from the right to the left corner and include both."""

    right: int
    left: int
    upper: Array
    lower: Array


@dataclass(frozen=True)
class HeadLoops:
    """Loops found in the connectivity of the chart borders."""

    left_lid: LidLoop
    right_lid: LidLoop
    lips: LipLoop
    neck: Array


def find_loops(topology: Topology, positions: Array) -> HeadLoops:
    """Name the loops of the head skin; positions (V, 3) of a roughly neutral head."""
    left = right = lips = None
    for loop in boundary_loops(topology.label_faces("head")):
        if np.isin(loop, topology.label_vertices("left_socket")).all():
            left = _lid_loop(loop, positions, 1)
        elif np.isin(loop, topology.label_vertices("right_socket")).all():
            right = _lid_loop(loop, positions, -1)
        elif np.isin(loop, topology.label_vertices("mouth_cavity")).all():
            first, last = int(loop[positions[loop, 0].argmin()]), int(loop[positions[loop, 0].argmax()])
            lips = LipLoop(first, last, *_runs(loop, positions, first, last))
    (neck,) = boundary_loops(topology.label_faces(*EXTERIOR))
    if left is None or right is None or lips is None:
        raise ValueError("the head's skin lacks a lid or lip loop: not MakeHuman's base mesh?")
    return HeadLoops(left, right, lips, neck)


def _lid_loop(loop: Array, positions: Array, side: int) -> LidLoop:
    outward = side * positions[loop, 0]
    inner, outer = int(loop[outward.argmin()]), int(loop[outward.argmax()])
    return LidLoop(inner, outer, *_runs(loop, positions, inner, outer))


def _runs(loop: Array, positions: Array, first: int, last: int) -> tuple[Array, Array]:
    """The two ways along a loop from ``first`` to ``last``, the higher one first."""
    turned = np.roll(loop, -int(np.flatnonzero(loop == first)[0]))
    stop = int(np.flatnonzero(turned == last)[0])
    there, back = turned[: stop + 1], np.concatenate([turned[:1], turned[: stop - 1 : -1]])
    if positions[there[1:-1], 1].mean() > positions[back[1:-1], 1].mean():
        return there, back
    return back, there
