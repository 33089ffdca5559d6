"""The files that go with a FLAME model: landmarks, regions, texture coordinates, lids."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.flame.errors import FlameFileError
from shared.flame.read import read_npy, read_npz, read_pickle
from shared.flame.regions import regions_from_masks
from shared.flame.schema import LandmarkEmbedding

# DECA's, VHAP's (with two points for the eyes at its end), and the one that smplx reads.
IBUG_FILES = ("landmark_embedding.npy", "landmark_embedding_with_eyes.npy", "flame_static_embedding.pkl")

log = logging.getLogger(__name__)


def find_file(folders: Iterable[Path], *names: str) -> Path | None:
    """The first of ``names`` (case ignored) in the first of ``folders`` that has one."""
    for folder in folders:
        there = {entry.name.lower(): entry for entry in sorted(folder.iterdir()) if entry.is_file()}
        for name in names:
            if name.lower() in there:
                return there[name.lower()]
    return None


def _missing(what: str, name: str, source: str, folder: Path) -> None:
    log.info("%s not found, so the head has no %s; put %s from %s into %s", name, what, name, source, folder)


def load_regions(folders: list[Path], n_vertices: int) -> dict[str, Tensor]:
    """FLAME_masks.pkl as (V,) bool masks; none if the file is missing."""
    path = find_file(folders, "FLAME_masks.pkl")
    if path is None:
        _missing("regions", "FLAME_masks.pkl", "'FLAME Vertex Masks' on FLAME's download page", folders[0])
        return {}
    masks = read_pickle(path)
    if not isinstance(masks, dict):
        raise FlameFileError(path, f"expected a dict of vertex ids, got a {type(masks).__name__}")
    try:
        return regions_from_masks(masks, n_vertices)
    except ValueError as error:
        raise FlameFileError(path, str(error), "masks and model must be of the same topology") from error


def load_landmarks(folders: list[Path], n_faces: int) -> dict[str, LandmarkEmbedding]:
    """The landmark embeddings that are there: "ibug68" or "ibug51", and "mediapipe105"."""
    found: dict[str, LandmarkEmbedding] = {}
    path = find_file(folders, *IBUG_FILES)
    if path is None:
        _missing("iBUG landmarks", "landmark_embedding.npy", "the data folder of DECA", folders[0])
    else:
        name, face_index, barycentric = _ibug(path)
        found[name] = _embedding(path, n_faces, face_index, barycentric)
    path = find_file(folders, "mediapipe_landmark_embedding.npz")
    if path is None:
        source = "'MediaPipe Landmark Embedding' on FLAME's download page"
        _missing("MediaPipe landmarks", "mediapipe_landmark_embedding.npz", source, folders[0])
    else:
        contents = read_npz(path)
        _require(path, contents, "lmk_face_idx", "lmk_b_coords", "landmark_indices")
        index = torch.from_numpy(np.asarray(contents["landmark_indices"]).astype(np.int64).reshape(-1))
        embedding = _embedding(path, n_faces, contents["lmk_face_idx"], contents["lmk_b_coords"])
        if len(index) != len(embedding.face_index):
            wrong = f"landmark_indices: {len(index)} numbers for {len(embedding.face_index)} points"
            raise FlameFileError(path, wrong)
        found[f"mediapipe{len(index)}"] = LandmarkEmbedding(embedding.face_index, embedding.barycentric, index)
    return found


def _ibug(path: Path) -> tuple[str, Any, Any]:
    """Name, triangles and weights of DECA's embedding file, or of the older static one."""
    contents = read_pickle(path) if path.suffix == ".pkl" else read_npy(path)
    if not isinstance(contents, dict):
        raise FlameFileError(path, f"expected a dict of arrays, got a {type(contents).__name__}")
    if "full_lmk_faces_idx" in contents:
        _require(path, contents, "full_lmk_bary_coords")
        faces = np.asarray(contents["full_lmk_faces_idx"]).reshape(-1)
        weights = np.asarray(contents["full_lmk_bary_coords"]).reshape(-1, 3)
        return "ibug68", faces[:68], weights[:68]
    if "static_lmk_faces_idx" in contents:
        _require(path, contents, "static_lmk_bary_coords")
        faces, weights = contents["static_lmk_faces_idx"], contents["static_lmk_bary_coords"]
    else:
        _require(path, contents, "lmk_face_idx", "lmk_b_coords")
        faces, weights = contents["lmk_face_idx"], contents["lmk_b_coords"]
    if "dynamic_lmk_faces_idx" not in contents:
        return "ibug51", faces, weights
    # The jaw line depends on the yaw; row 0 is the one of a head that looks straight ahead.
    _require(path, contents, "dynamic_lmk_bary_coords")
    jaw_faces = np.asarray(contents["dynamic_lmk_faces_idx"])[0].reshape(-1)
    jaw_weights = np.asarray(contents["dynamic_lmk_bary_coords"])[0].reshape(-1, 3)
    return (
        "ibug68",
        np.concatenate([jaw_faces, np.asarray(faces).reshape(-1)]),
        np.concatenate([jaw_weights, np.asarray(weights).reshape(-1, 3)]),
    )


def _require(path: Path, contents: dict[str, Any], *keys: str) -> None:
    for key in keys:
        if key not in contents:
            raise FlameFileError(path, f"missing key {key!r}; it has {', '.join(sorted(map(str, contents)))}")


def _embedding(path: Path, n_faces: int, face_index: Any, barycentric: Any) -> LandmarkEmbedding:
    faces = np.asarray(face_index).astype(np.int64).reshape(-1)
    weights = np.asarray(barycentric).astype(np.float32).reshape(-1, 3)
    if len(faces) != len(weights):
        raise FlameFileError(path, f"{len(faces)} triangles but {len(weights)} rows of barycentric weights")
    if faces.size and (faces.min() < 0 or faces.max() >= n_faces):
        raise FlameFileError(path, f"landmarks on triangles {faces.min()} to {faces.max()}, the head has {n_faces}")
    if not np.allclose(weights.sum(1), 1, atol=1e-3):
        raise FlameFileError(path, "barycentric weights do not sum to 1")
    return LandmarkEmbedding(torch.from_numpy(faces), torch.from_numpy(weights))


def load_eyelids(folders: list[Path], v_template: np.ndarray) -> Tensor:
    """(V, 3, 2) offsets that shut the subject's left and right lid, metres; zero if the files are missing."""
    lids = np.zeros((len(v_template), 3, 2), np.float32)
    paths = find_file(folders, "l_eyelid.npy"), find_file(folders, "r_eyelid.npy")
    if paths[0] is None or paths[1] is None:
        _missing("lids that close", "l_eyelid.npy and r_eyelid.npy", "the data folder of a FLAME tracker", folders[0])
        return torch.from_numpy(lids)
    for path in paths:
        assert path is not None
        offsets = np.asarray(read_npy(path))
        if offsets.size != v_template.size or not np.isfinite(offsets).all():
            raise FlameFileError(path, f"shape {offsets.shape}, expected {v_template.shape} of finite numbers")
        offsets = offsets.reshape(v_template.shape).astype(np.float32)
        # Which side is "left" differs between sources, so the side is read off the geometry: x is the subject's left.
        side = float((np.linalg.norm(offsets, axis=1) * v_template[:, 0]).sum())
        lids[..., 0 if side > 0 else 1] += offsets
    return torch.from_numpy(lids)
