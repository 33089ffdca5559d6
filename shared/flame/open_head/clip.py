"""Clip triangles on a plane. New vertices are fixed points on old edges, so they stay linear in blendshapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.flame.open_head.makehuman import Array

SNAP = 0.08  # share of an edge nearer than which its end is moved on the plane instead: no sliver triangles


@dataclass(frozen=True)
class Clipped:
    """Triangles on the positive side. Vertex i lies on edge ``edge[i]`` of old vertices at ``edge_t[i]``."""

    faces: Array  # (F, 3)
    texture: Array  # (F, 3) rows of atlas
    source: Array  # (F,) the triangle each came from
    edge: Array  # (N, 2); the first rows are the old vertices (i, i)
    edge_t: Array  # (N,)
    atlas: Array  # (T, 2)


def clip_triangles(faces: Array, texture: Array, height: Array, atlas: Array) -> Clipped:
    """Keep ``height`` >= 0 of triangles (F, 3) with texture rows (F, 3) of ``atlas``; height (N,) is per vertex."""
    height = snap_to_plane(faces, height)
    edge = [(i, i) for i in range(len(height))]
    edge_t = [0.0] * len(height)
    rows = [tuple(row) for row in atlas]
    new_vertex: dict[tuple[int, int], int] = {}
    new_row: dict[tuple[int, int], int] = {}
    out_faces, out_texture, source = [], [], []

    def cross(a: int, b: int) -> tuple[float, int]:
        t = float(height[a] / (height[a] - height[b]))
        if (a, b) not in new_vertex:
            new_vertex[a, b] = len(edge)
            edge.append((a, b))
            edge_t.append(t)
        return t, new_vertex[a, b]

    def cross_row(a: int, b: int, t: float) -> int:
        if (a, b) not in new_row:
            new_row[a, b] = len(rows)
            rows.append(tuple((1 - t) * atlas[a] + t * atlas[b]))
        return new_row[a, b]

    sign = np.sign(height)[faces]
    for index in np.flatnonzero((sign >= 0).all(1) & (sign > 0).any(1)):
        out_faces.append(faces[index].tolist())
        out_texture.append(texture[index].tolist())
        source.append(index)
    for index in np.flatnonzero((sign > 0).any(1) & (sign < 0).any(1)):
        polygon, polygon_rows = [], []
        for corner in range(3):
            a, b = int(faces[index, corner]), int(faces[index, (corner + 1) % 3])
            row_a, row_b = int(texture[index, corner]), int(texture[index, (corner + 1) % 3])
            if height[a] >= 0:
                polygon.append(a)
                polygon_rows.append(row_a)
            if height[a] * height[b] < 0:  # always walk from the kept end, so both triangles of an edge agree
                if height[a] > 0:
                    t, vertex = cross(a, b)
                    row = cross_row(row_a, row_b, t)
                else:
                    t, vertex = cross(b, a)
                    row = cross_row(row_b, row_a, t)
                polygon.append(vertex)
                polygon_rows.append(row)
        for corner in range(1, len(polygon) - 1):
            out_faces.append([polygon[0], polygon[corner], polygon[corner + 1]])
            out_texture.append([polygon_rows[0], polygon_rows[corner], polygon_rows[corner + 1]])
            source.append(index)
    return Clipped(
        np.array(out_faces), np.array(out_texture), np.array(source), np.array(edge), np.array(edge_t), np.array(rows)
    )


def snap_to_plane(faces: Array, height: Array) -> Array:
    """Heights with those set to 0 that lie within SNAP of a crossing edge's end."""
    a, b = faces.reshape(-1), np.roll(faces, -1, 1).reshape(-1)
    crossing = height[a] * height[b] < 0
    a, b = a[crossing], b[crossing]
    t = height[a] / (height[a] - height[b])
    snapped = height.copy()
    snapped[a[t < SNAP]] = 0
    snapped[b[t > 1 - SNAP]] = 0
    return snapped
