"""`render.hits_of` in one pass over the points, for the CPU; a test holds the two together."""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import njit
from torch import Tensor

from shared.synthetic.scene.scene import Surface

TIPPED = -0.15  # cosine to the viewer below which an interpolated normal belongs to the side seen from behind


def places_numba(surface: Surface, face_index: Tensor, barycentric: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Position, normal, direction to the camera (P, 3) and distance (P) of places of a surface. CPU tensors."""
    position, normal, view = (torch.empty_like(barycentric) for _ in range(3))
    distance = torch.empty(len(barycentric))
    mesh = (surface.verts_m, surface.vertex_normals, surface.faces)
    tensors = (*mesh, face_index, barycentric, position, normal, view, distance)
    _places(*[np.ascontiguousarray(tensor.numpy()) for tensor in tensors])
    return position, normal, view, distance


@njit(cache=True, nogil=True, error_model="numpy")
def _places(verts, normals, faces, face_index, barycentric, position, normal, view, distance):
    for p in range(len(face_index)):
        face = face_index[p]
        x, y, z, nx, ny, nz = _mixed(verts, normals, faces[face, 0], barycentric[p, 0])
        for corner in range(1, 3):
            more = _mixed(verts, normals, faces[face, corner], barycentric[p, corner])
            x, y, z = x + more[0], y + more[1], z + more[2]
            nx, ny, nz = nx + more[3], ny + more[4], nz + more[5]
        length, far = math.sqrt(nx * nx + ny * ny + nz * nz), math.sqrt(x * x + y * y + z * z)
        scale = np.float32(1) / max(length, np.float32(1e-12))
        inverse = np.float32(-1) / far
        if (nx * x + ny * y + nz * z) * inverse * scale < np.float32(TIPPED):
            scale = -scale
        position[p, 0], position[p, 1], position[p, 2] = x, y, z
        normal[p, 0], normal[p, 1], normal[p, 2] = nx * scale, ny * scale, nz * scale
        view[p, 0], view[p, 1], view[p, 2] = x * inverse, y * inverse, z * inverse
        distance[p] = far


@njit(cache=True, nogil=True, error_model="numpy")
def _mixed(verts, normals, row, weight):
    return (
        verts[row, 0] * weight, verts[row, 1] * weight, verts[row, 2] * weight,
        normals[row, 0] * weight, normals[row, 1] * weight, normals[row, 2] * weight,
    )  # fmt: skip
