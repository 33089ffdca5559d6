"""Meshes from files, their vertices in the order of the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh

MESHES = (".ply", ".obj")


class MeshFileError(ValueError):
    """A file that cannot be read or holds no mesh; the message names it."""


def read_mesh(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float64 in the file's unit and triangles (F, 3) int64. MeshFileError if there are none."""
    if path.suffix == ".obj":
        verts, quads = read_obj(path)
        return verts, triangles_of(quads)
    try:
        mesh = trimesh.load_mesh(path, process=False)
        verts, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    except Exception as error:  # whatever the reader of the format raises
        raise MeshFileError(f"{path.name} cannot be read ({error})") from error
    if not len(faces):
        raise MeshFileError(f"{path.name} holds no triangles")
    return verts, faces


def read_obj(path: Path, with_faces: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float64 in the file's unit, and polygons (F, 4) int64, the last corner repeated in triangles.

    MeshFileError if it cannot be read, or has polygons of other than three or four corners.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise MeshFileError(f"{path} cannot be read ({error.strerror})") from error
    try:
        # Some programs write colours behind the coordinates.
        rows = [line.split()[1:4] for line in lines if line.startswith(b"v ")]
        verts = np.array(rows, np.float64).reshape(-1, 3)
        corners = [line.split()[1:] for line in lines if line.startswith(b"f ")] if with_faces else []
        quads = [[int(corner.split(b"/")[0]) - 1 for corner in (*face, face[-1])[:4]] for face in corners]
    except ValueError as error:
        raise MeshFileError(f"{path} is no Wavefront OBJ file of a mesh ({error})") from error
    if any(len(face) not in (3, 4) for face in corners):
        raise MeshFileError(f"{path} has polygons of other than three or four corners")
    found = np.array(quads, np.int64).reshape(-1, 4)
    if with_faces and not len(found):
        raise MeshFileError(f"{path} holds no polygons")
    if len(found) and (found.min() < 0 or found.max() >= len(verts)):
        raise MeshFileError(f"{path} has polygons of vertices that are not there")
    return verts, found


def triangles_of(quads: np.ndarray) -> np.ndarray:
    """Polygons (F, 4), the last corner repeated in triangles -> (T, 3)."""
    both = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    a, b, c = both.T
    return both[(a != b) & (b != c) & (c != a)]
