"""The open head as the surface fit needs it: skin, its directions, landmarks and eyes as numpy arrays."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from shared.flame.open_head.makehuman import Array
from shared.flame.schema import FlameAssets

FITTED = ("face", "scalp", "neck")  # ears differ too much between people, and scans show them badly


class HeadSurface:
    """Vertices ``template + directions @ coefficients``, metres, head frame."""

    def __init__(self, assets: FlameAssets) -> None:
        self.template = assets.v_template.double().numpy()
        self.directions = assets.shapedirs.numpy().reshape(-1, assets.n_shape)  # (V * 3, C) float32
        faces = assets.faces.numpy()
        fitted = np.stack([assets.region(name).numpy() for name in FITTED])
        self.region = np.where(fitted.any(0), fitted.argmax(0), -1)  # (V,) index in FITTED
        self.faces = faces[(fitted.any(0) | assets.region("ears").numpy())[faces].all(1)]  # skin
        embedding = assets.landmarks["ibug68"]
        corners, share = faces[embedding.face_index.numpy()], embedding.barycentric.double().numpy()
        rows = np.repeat(np.arange(len(corners)), 3)
        shape = (len(corners), len(self.template))
        self.landmarks = sparse.csr_array((share.ravel(), (rows, corners.ravel())), shape)  # (68, V)
        ears = [_ear_ends(self.template, assets.region(f"{side}_ear").numpy()) for side in ("left", "right")]
        self.ear_ends = np.concatenate(ears)  # (6,) vertices
        self.eyes = sparse.csr_array(assets.joint_regressor[3:].double().numpy())  # (2, V) left first

    @property
    def n_coefficients(self) -> int:
        """C."""
        return self.directions.shape[1]

    def positions(self, coefficients: Array) -> Array:
        """(V, 3)."""
        return self.template + (self.directions @ coefficients.astype(np.float32)).reshape(-1, 3)

    def moves(self, weights: sparse.csr_array) -> Array:
        """(M, C) derivative of M linear functions of the vertices, by their weights (M, V * 3)."""
        return weights.astype(np.float32) @ self.directions


def _ear_ends(verts: Array, ear: Array) -> Array:
    """(3,) highest, lowest and hindmost vertex of an ear (V,) bool."""
    rows = np.flatnonzero(ear)
    _, y, z = verts[rows].T
    return rows[[y.argmax(), y.argmin(), z.argmin()]]


def normals_and_areas(verts: Array, faces: Array) -> tuple[Array, Array]:
    """(V, 3) unit normals, zero for a vertex of no face, and (V,) its share of the surface."""
    corners = verts[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    size = np.linalg.norm(cross, axis=1) / 6
    index = faces.ravel()
    total = np.stack([np.bincount(index, np.repeat(cross[:, k], 3), len(verts)) for k in range(3)], 1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return total / np.maximum(length, 1e-20), np.bincount(index, np.repeat(size, 3), len(verts))
