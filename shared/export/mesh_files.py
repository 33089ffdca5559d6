"""Meshes as .ply and .obj, which every tool reads. Metres, in the vertices' own frame (y up for ours)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from torch import Tensor
from trimesh.exchange.ply import export_ply

from shared.flame.schema import FlameAssets
from shared.runs.files import write_bytes


def write_ply(path: Path, verts_m: Tensor, faces: Tensor) -> Path:
    """Write binary little-endian PLY with vertex normals.

    Args:
        path: the file.
        verts_m: (V, 3) metres.
        faces: (F, 3) counter-clockwise from outside.

    Raises:
        ValueError: a vertex is not finite.
        StorageError: the file cannot be written.
    """
    mesh = as_trimesh(verts_m, faces)
    data = export_ply(mesh, encoding="binary_little_endian", vertex_normal=True)
    return write_bytes(path, data)


def write_obj(path: Path, verts_m: Tensor, assets: FlameAssets) -> Path:
    """Write OBJ with the head's texture coordinates, where it has them; arguments and errors as in `write_ply`.

    OBJ puts the origin of a texture at its bottom left, so v is turned over.
    """
    verts = _checked(verts_m)
    faces, uv_faces = assets.faces.numpy() + 1, assets.uv_faces.numpy() + 1  # OBJ counts from 1
    lines = [f"# {assets.name}, metres, y up", f"o {assets.name}"]
    lines += [f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in verts.tolist()]
    lines += [f"vt {u:.6f} {1 - v:.6f}" for u, v in assets.uv.tolist()]
    if assets.has_uv:
        corners = zip(faces.tolist(), uv_faces.tolist(), strict=True)
        lines += [f"f {a}/{ta} {b}/{tb} {c}/{tc}" for (a, b, c), (ta, tb, tc) in corners]
    else:
        lines += [f"f {a} {b} {c}" for a, b, c in faces.tolist()]
    return write_bytes(path, ("\n".join(lines) + "\n").encode())


def as_trimesh(verts_m: Tensor, faces: Tensor) -> trimesh.Trimesh:
    """The same vertices and faces in the same order. ValueError if a vertex is not finite."""
    return trimesh.Trimesh(_checked(verts_m), faces.detach().cpu().numpy(), process=False)


def _checked(verts_m: Tensor) -> np.ndarray:
    verts = verts_m.detach().cpu().double().numpy()
    if verts.ndim != 2 or verts.shape[1] != 3:
        raise ValueError(f"one mesh is (V, 3), got {tuple(verts.shape)}")
    if not np.isfinite(verts).all():
        raise ValueError("a vertex is not finite")
    return verts
