"""ICT-FaceKit as its public repository has it: one Wavefront OBJ file a mode and a unit, in centimetres."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.evaluate.ict.model import N_IBUG, PART_QUADS, IctModel
from shared.evaluate.mesh_files import MeshFileError, read_obj
from shared.runs.errors import UserError

FOLDER, NEUTRAL, INDICES = "FaceXModel", "generic_neutral_mesh.obj", "vertex_indices.json"
_MM = 10.0  # of the files' unit


def read_checkout(root: Path) -> IctModel:
    """Read the folder that holds ``FaceXModel``, or that folder itself; some seconds for its 154 files.

    Raises:
        UserError: a file is missing or damaged, or the files are not of one mesh.
    """
    folder = root / FOLDER if (root / FOLDER).is_dir() else root
    neutral, quads = _read(folder / NEUTRAL)
    last = max(end for _, end in PART_QUADS.values())
    if len(quads) < last:
        raise UserError(f"{folder / NEUTRAL} has {len(quads)} polygons, not the {last} or more of ICT Face Model Light")
    names, ibug68 = _indices(folder / INDICES, len(neutral))
    modes = sorted(folder.glob("identity[0-9]*.obj"))
    if not modes:
        raise UserError(f"{folder} has no identity000.obj and so on: give a whole checkout of ICT-FaceKit")
    paths = [*modes, *(folder / f"{name}.obj" for name in names)]
    moved = np.empty((len(paths), *neutral.shape), np.float32)
    for row, path in enumerate(tqdm(paths, desc="reading", unit="file", dynamic_ncols=True)):
        verts, _ = _read(path, with_faces=False)
        if verts.shape != neutral.shape:
            raise UserError(f"{path} has {len(verts)} vertices, the neutral mesh {len(neutral)}")
        moved[row] = _MM * (verts - neutral)
    neutral_mm = (_MM * neutral).astype(np.float32)
    split = len(modes)
    return IctModel(neutral_mm, moved[:split], moved[split:], names, quads, ibug68, PART_QUADS)


def _read(path: Path, with_faces: bool = True) -> tuple[np.ndarray, np.ndarray]:
    try:
        return read_obj(path, with_faces)
    except MeshFileError as error:
        raise UserError(f"{error}; give a whole checkout of ICT-FaceKit") from error


def _indices(path: Path, n_vertices: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the units, and the vertices of iBUG's 68."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        names = tuple(str(name) for name in values["expressions"])
        ibug68 = np.array(values["idx_to_landmark_verts"], np.int64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({error!r}); give a whole checkout of ICT-FaceKit") from error
    if ibug68.shape != (N_IBUG,) or ibug68.min() < 0 or ibug68.max() >= n_vertices:
        raise UserError(f"{path}: idx_to_landmark_verts must be {N_IBUG} vertices of a mesh of {n_vertices}")
    return names, ibug68
