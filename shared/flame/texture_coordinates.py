"""Texture coordinates of a FLAME head, turned to an origin at the top left."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.flame.errors import FlameFileError
from shared.flame.read import read_bytes, read_npz
from shared.flame.side_files import find_file

log = logging.getLogger(__name__)


def load_uv(folders: list[Path], faces: np.ndarray) -> tuple[Tensor, Tensor]:
    """(T, 2) coordinates with the origin at the top left, and (F, 3) rows of them; empty if no file has them.

    ``faces`` (F, 3) of the model: the file's triangles are brought into their order.
    """
    path = find_file(folders, "head_template.obj", "head_template_mesh.obj")
    if path is not None:
        uv, uv_faces = _from_obj(path, faces)
    else:
        path = find_file(folders, "FLAME_texture.npz")
        if path is None:
            log.info("no head_template.obj, so the head has no UV; put it (or FLAME_texture.npz) into %s", folders[0])
            return torch.zeros(0, 2), torch.zeros(0, 3, dtype=torch.int64)
        contents = read_npz(path, names=("vt", "ft"))
        if set(contents) != {"vt", "ft"}:
            raise FlameFileError(path, f"missing key {sorted({'vt', 'ft'} - set(contents))[0]!r}")
        uv, uv_faces = np.asarray(contents["vt"], np.float64), np.asarray(contents["ft"]).astype(np.int64)
    if uv.ndim != 2 or uv.shape[1] < 2 or uv_faces.shape != faces.shape:
        raise FlameFileError(path, f"vt {uv.shape} and ft {uv_faces.shape}, expected (T, 2) and {faces.shape}")
    if uv_faces.min() < 0 or uv_faces.max() >= len(uv):
        raise FlameFileError(path, f"ft: names rows {uv_faces.min()} to {uv_faces.max()} of {len(uv)}")
    flipped = np.stack([uv[:, 0], 1 - uv[:, 1]], 1).astype(np.float32)  # both files have v upwards
    return torch.from_numpy(flipped), torch.from_numpy(uv_faces)


def _from_obj(path: Path, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`vt` lines, and each model triangle's rows of them."""
    uv: list[list[float]] = []
    by_corners: dict[tuple[int, ...], dict[int, int]] = {}
    for number, line in enumerate(read_bytes(path).decode("utf-8", "replace").splitlines(), 1):
        words = line.split()
        try:
            if words[:1] == ["vt"]:
                uv.append([float(words[1]), float(words[2])])
            elif words[:1] == ["f"]:
                corners = [word.split("/") for word in words[1:]]
                rows = {int(corner[0]) - 1: int(corner[1]) - 1 for corner in corners}
                by_corners[tuple(sorted(rows))] = rows
        except (ValueError, IndexError) as error:
            raise FlameFileError(path, f"line {number} is not OBJ with texture coordinates: {line[:60]!r}") from error
    uv_faces = np.empty_like(faces)
    for index, face in enumerate(faces):
        rows = by_corners.get(tuple(sorted(int(corner) for corner in face)))
        if rows is None:
            raise FlameFileError(path, f"has no triangle {face.tolist()}", "mesh and model must be of one topology")
        uv_faces[index] = [rows[int(corner)] for corner in face]
    return np.asarray(uv), uv_faces
