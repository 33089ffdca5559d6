"""Which way the hair runs on a textured sheet, from the streaks in its texture.

The direction at a point of a picture is that in which its brightness changes least (Bigun and Granlund, "Optimal
orientation detection of linear symmetry", 1987). It has no sign, so directions are averaged as matrices.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

_SMOOTHINGS = 8  # over neighbours: highlights show every kink


def strand_directions(
    verts_m: np.ndarray, faces: np.ndarray, uv: np.ndarray, structure: np.ndarray, whorl_m: np.ndarray
) -> np.ndarray:
    """(V, 3) float32 unit directions at the vertices of a sheet.

    Args:
        verts_m: (V, 3).
        faces: (F, 3).
        uv: (F, 3, 2) texture coordinates of their corners, origin at the top left.
        structure: (h, w, 3) structure tensor of the texture, as of ``Picture``.
        whorl_m: (3,) each connected piece of hair starts at its vertex nearest to this, and points away from it.
    """
    direction = _face_directions(verts_m, faces, uv, structure)
    spread = np.einsum("fi,fj->fij", direction, direction).reshape(-1, 9)
    corner_of = sparse.coo_matrix(
        (np.ones(faces.size), (faces.reshape(-1), np.repeat(np.arange(len(faces)), 3))), (len(verts_m), len(faces))
    ).tocsr()
    matrix = corner_of @ spread
    links = _links(faces, len(verts_m))
    smoother = links + sparse.eye(len(verts_m))
    for _ in range(_SMOOTHINGS):
        matrix = smoother @ matrix
        matrix /= np.maximum(np.trace(matrix.reshape(-1, 3, 3), axis1=1, axis2=2), 1e-12)[:, None]
    lines = np.linalg.eigh(matrix.reshape(-1, 3, 3))[1][:, :, 2]
    return _with_signs(lines, verts_m, links, whorl_m).astype(np.float32)


def _face_directions(verts_m: np.ndarray, faces: np.ndarray, uv: np.ndarray, structure: np.ndarray) -> np.ndarray:
    """(F, 3) of either sign; shorter where the streaks are less clear."""
    height, width = structure.shape[:2]
    pixels = uv.astype(np.float64) * [width, height]
    centre = np.floor(pixels.mean(1)).astype(np.int64)
    xx, yy, xy = structure[centre[:, 1] % height, centre[:, 0] % width].T
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    step = np.stack([np.cos(angle), np.sin(angle)], 1)
    a, b = pixels[:, 1] - pixels[:, 0], pixels[:, 2] - pixels[:, 0]
    # The step is a combination of the two edges in the picture, and the same one of them in space.
    along = _cross(step, b)[:, None] * (verts_m[faces[:, 1]] - verts_m[faces[:, 0]])
    along += _cross(a, step)[:, None] * (verts_m[faces[:, 2]] - verts_m[faces[:, 0]])
    clear = np.hypot(xx - yy, 2 * xy) / np.maximum(xx + yy, 1e-12)
    return along * (clear / np.maximum(np.linalg.norm(along, axis=1), 1e-12))[:, None]


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _links(faces: np.ndarray, n_vertices: int) -> sparse.csr_matrix:
    """(V, V) 1 between the ends of each edge."""
    first, second = faces.reshape(-1), np.roll(faces, 1, 1).reshape(-1)
    links = sparse.coo_matrix((np.ones(len(first)), (first, second)), (n_vertices, n_vertices)).tocsr()
    links = links + links.T
    links.data[:] = 1
    return links


def _with_signs(lines: np.ndarray, verts_m: np.ndarray, links: sparse.csr_matrix, whorl_m: np.ndarray) -> np.ndarray:
    """Turn each line to agree with the neighbour that it is reached from."""
    out = lines.copy()
    away = verts_m - whorl_m
    piece = csgraph.connected_components(links, directed=False)[1]
    order = np.argsort((away**2).sum(1))
    for start in order[np.unique(piece[order], return_index=True)[1]]:
        reached, parent = csgraph.breadth_first_order(links, start, directed=False)
        if out[start] @ (verts_m[reached].mean(0) - whorl_m) < 0:
            out[start] = -out[start]
        for vertex in reached[1:]:
            if out[vertex] @ out[parent[vertex]] < 0:
                out[vertex] = -out[vertex]
    return out
