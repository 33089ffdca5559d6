"""The nearest point of a mesh's surface, exactly: branch and bound over a tree of boxes, in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

_LEAF_FACES = 4
_compiled = njit(cache=True, nogil=True, error_model="numpy")  # compiled at the first call, cached on disk


@dataclass(frozen=True)
class SurfaceHit:
    """The nearest surface point of each of N queries."""

    points: np.ndarray  # (N, 3) float64
    distance: np.ndarray  # (N,) float64
    face_index: np.ndarray  # (N,) int64; on a shared edge, one of the faces


@dataclass(frozen=True, eq=False)
class SurfaceTree:
    """A mesh made ready for many searches: building costs several times as much as 10,000 queries."""

    triangles: np.ndarray  # (F, 3, 3) float64, in the tree's order
    boxes: np.ndarray  # (2^(depth + 1), 2, 3) as of `_node_boxes`
    depth: int
    order: np.ndarray  # (F,) int64, the mesh's face of each triangle

    @staticmethod
    def of(verts: np.ndarray, faces: np.ndarray) -> SurfaceTree:
        """The tree of the mesh (V, 3), (F, 3).

        Raises:
            ValueError: if the mesh has no faces, or a vertex of a face is not finite.
        """
        triangles = np.asarray(verts, np.float64)[np.asarray(faces)]
        if len(triangles) == 0:
            raise ValueError("the mesh has no faces, so there is no nearest point")
        if not np.isfinite(triangles).all():
            raise ValueError("a surface tree needs finite vertices; mask out the missing ones first")
        order, depth = _order_faces(triangles.mean(1))
        triangles = np.ascontiguousarray(triangles[order])
        return SurfaceTree(triangles, _node_boxes(triangles, depth), depth, order)

    def closest(self, queries: np.ndarray) -> SurfaceHit:
        """The nearest point to each query (N, 3) on the surface; not only its vertices.

        Exact up to rounding. A degenerate triangle counts as its edges. Distances have the unit of the vertices.

        Raises:
            ValueError: if a query is not finite.
        """
        queries = np.ascontiguousarray(queries, np.float64)
        if not np.isfinite(queries).all():
            raise ValueError("closest points need finite queries; mask out the missing ones first")
        points, distance = np.empty_like(queries), np.empty(len(queries))
        face_index = np.empty(len(queries), np.int64)
        _search(queries, self.triangles, self.boxes, self.depth, points, distance, face_index)
        return SurfaceHit(points, distance, self.order[face_index])


def closest_points(queries: np.ndarray, verts: np.ndarray, faces: np.ndarray) -> SurfaceHit:
    """One search on a mesh (V, 3), (F, 3) that is not needed again; see `SurfaceTree`."""
    return SurfaceTree.of(verts, faces).closest(queries)


def _order_faces(centroids: np.ndarray) -> tuple[np.ndarray, int]:
    """An order of the faces in which every node of a balanced binary tree is a contiguous range, and the tree's depth.

    Node k of a level with n nodes covers the range [F k // n, F (k + 1) // n).
    """
    n_faces = len(centroids)
    depth = max(0, int(np.ceil(np.log2(n_faces / _LEAF_FACES))))
    order = np.arange(n_faces)
    for level in range(depth):  # every node is sorted along its longest side, all nodes of a level at once
        starts = (n_faces * np.arange(1 << level)) >> level
        node = np.repeat(np.arange(1 << level), np.diff(starts, append=n_faces))
        placed = centroids[order]
        extent = np.maximum.reduceat(placed, starts) - np.minimum.reduceat(placed, starts)
        along = np.take_along_axis(placed, extent.argmax(1)[node, None], 1)[:, 0]
        order = order[np.lexsort((along, node))]
    return order, depth


def _node_boxes(triangles: np.ndarray, depth: int) -> np.ndarray:
    """(2^(depth + 1), 2, 3) lowest and highest corners; node 1 is the root, the children of k are 2k and 2k + 1."""
    n_faces, n_leaves = len(triangles), 1 << depth
    boxes = np.empty((2 * n_leaves, 2, 3))
    starts = (n_faces * np.arange(n_leaves)) >> depth
    boxes[n_leaves:, 0] = np.minimum.reduceat(triangles.min(1), starts)
    boxes[n_leaves:, 1] = np.maximum.reduceat(triangles.max(1), starts)
    for level in range(depth - 1, -1, -1):
        children = boxes[2 << level : 4 << level].reshape(-1, 2, 2, 3)
        boxes[1 << level : 2 << level, 0] = children[:, :, 0].min(1)
        boxes[1 << level : 2 << level, 1] = children[:, :, 1].max(1)
    return boxes


@_compiled
def _search(queries, triangles, boxes, depth, points, distance, face_index):
    n_faces, n_leaves = triangles.shape[0], 1 << depth
    stack = np.empty(2 * depth + 2, np.int64)
    bound = np.empty(2 * depth + 2, np.float64)
    for query in range(queries.shape[0]):
        x, y, z = queries[query, 0], queries[query, 1], queries[query, 2]
        best = np.inf
        stack[0], bound[0], top = 1, 0.0, 1
        while top > 0:
            top -= 1
            node = stack[top]
            if bound[top] >= best:
                continue
            if node < n_leaves:
                left, right = 2 * node, 2 * node + 1
                gap_left, gap_right = _box_gap(boxes, left, x, y, z), _box_gap(boxes, right, x, y, z)
                if gap_left < gap_right:  # the nearer child is searched first
                    left, right, gap_left, gap_right = right, left, gap_right, gap_left
                stack[top], bound[top], stack[top + 1], bound[top + 1] = left, gap_left, right, gap_right
                top += 2
                continue
            leaf = node - n_leaves
            for face in range((n_faces * leaf) >> depth, (n_faces * (leaf + 1)) >> depth):
                px, py, pz = _nearest_on_triangle(x, y, z, triangles, face)
                gap = (px - x) ** 2 + (py - y) ** 2 + (pz - z) ** 2
                if gap < best:
                    best = gap
                    points[query, 0], points[query, 1], points[query, 2] = px, py, pz
                    face_index[query] = face
        distance[query] = np.sqrt(best)


@_compiled
def _box_gap(boxes, node, x, y, z):
    """Squared distance from a point to a box, 0 inside."""
    dx = max(boxes[node, 0, 0] - x, x - boxes[node, 1, 0], 0.0)
    dy = max(boxes[node, 0, 1] - y, y - boxes[node, 1, 1], 0.0)
    dz = max(boxes[node, 0, 2] - z, z - boxes[node, 1, 2], 0.0)
    return dx * dx + dy * dy + dz * dz


@_compiled
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@_compiled
def _nearest_on_triangle(x, y, z, triangles, face):
    """Ericson, Real-Time Collision Detection (2005), section 5.1.5: by the Voronoi region the point lies in."""
    t = triangles
    a = (t[face, 0, 0], t[face, 0, 1], t[face, 0, 2])
    ab = (t[face, 1, 0] - a[0], t[face, 1, 1] - a[1], t[face, 1, 2] - a[2])
    ac = (t[face, 2, 0] - a[0], t[face, 2, 1] - a[1], t[face, 2, 2] - a[2])
    ap = (x - a[0], y - a[1], z - a[2])
    d1, d2 = _dot(ab, ap), _dot(ac, ap)
    bb, cc, bc = _dot(ab, ab), _dot(ac, ac), _dot(ab, ac)
    d3, d4, d5, d6 = d1 - bb, d2 - bc, d1 - bc, d2 - cc  # the same with the point seen from b and from c
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    if d1 <= 0 and d2 <= 0:
        v, w = 0.0, 0.0
    elif d3 >= 0 and d4 <= d3:
        v, w = 1.0, 0.0
    elif d6 >= 0 and d5 <= d6:
        v, w = 0.0, 1.0
    elif vc <= 0 and d1 >= 0 and d3 <= 0 and bb > 0:
        v, w = d1 / (d1 - d3), 0.0
    elif vb <= 0 and d2 >= 0 and d6 <= 0 and cc > 0:
        v, w = 0.0, d2 / (d2 - d6)
    elif va <= 0 and d4 - d3 >= 0 and d5 - d6 >= 0:
        w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        v = 1.0 - w
    else:
        total = va + vb + vc
        v, w = vb / total, vc / total
    return a[0] + v * ab[0] + w * ac[0], a[1] + v * ab[1] + w * ac[1], a[2] + v * ab[2] + w * ac[2]
