"""Spread displacements of a few vertices smoothly over the surface: a linear, exponentially decaying extension."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from shared.flame.open_head.makehuman import Array

MIN_COTANGENT = 0.05  # obtuse triangles would give negative weights and overshoot


def cotangent_laplacian(positions: Array, faces: Array) -> tuple[sparse.csr_array, Array]:
    """Positive semi-definite stiffness (V, V) and lumped vertex areas (V,) of a surface, square metres."""
    n = len(positions)
    stiffness = sparse.csr_array((n, n))
    corners = positions[faces]
    area2 = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    for k in range(3):
        i, j, apex = faces[:, (k + 1) % 3], faces[:, (k + 2) % 3], faces[:, k]
        dot = ((positions[i] - positions[apex]) * (positions[j] - positions[apex])).sum(1)
        weight = np.maximum(0.5 * dot / np.maximum(area2, 1e-12), MIN_COTANGENT)
        half = sparse.coo_array((weight, (i, j)), shape=(n, n)).tocsr()
        stiffness = stiffness + half + half.T
    degree = sparse.diags(np.asarray(stiffness.sum(1)).ravel())
    mass = np.zeros(n)
    np.add.at(mass, faces.reshape(-1), np.repeat(area2 / 6, 3))
    return sparse.csr_array(degree - stiffness), mass


def decaying_extension(positions: Array, faces: Array, handles: Array, reach_m: float) -> Array:
    """(V, H) matrix: column h is 1 at ``handles[h]``, 0 at the other handles.

    Between them it solves (stiffness + area / reach^2) u = 0, so it fades over about ``reach_m`` metres.
    """
    n = len(positions)
    stiffness, mass = cotangent_laplacian(positions, faces)
    system = (stiffness + sparse.diags(mass / reach_m**2)).tocsc()
    free = np.zeros(n, bool)
    free[np.unique(faces)] = True
    free[handles] = False
    rows = np.flatnonzero(free)
    solved = splu(system[rows][:, rows]).solve(-system[rows][:, handles].toarray())
    out = np.zeros((n, len(handles)))
    out[rows] = solved
    out[handles, np.arange(len(handles))] = 1
    return out
