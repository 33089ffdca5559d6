"""Readers of MakeHuman's asset files: .mhclo (how a garment hangs on the base mesh), .obj, and their textures.

A garment vertex lies at a weighted mean of three base mesh vertices plus an offset, which grows with the body: each of
its axes is scaled by the distance between two named base vertices.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

N_BASE = 19158  # vertices of the base mesh hm08
IMAGE_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_AXES = ("x_scale", "y_scale", "z_scale")
_OTHER_ROWS = ("delete_verts", "weights")  # keywords that end the vertices; others may stand in between
_FOLDERS = {
    "hair": "hair",
    "eyebrows": "brows",
    "eyelashes": "lashes",
    "eyes": "eyes",
    "skins": "skins",
}


class AssetError(ValueError):
    """A file of the pack is of no use; the message says why."""


@dataclass(frozen=True, eq=False)
class GarmentFile:
    """A mesh bound to the base mesh, with its texture."""

    name: str
    base: np.ndarray  # (N, 3) int64 base mesh vertices
    weights: np.ndarray  # (N, 3) float32 of them
    offset: np.ndarray  # (N, 3) float32, to be multiplied by the scale of each axis
    scale_pair: np.ndarray  # (3, 2) int64 base vertices whose distance along x, y and z scales the offset
    scale_unit: np.ndarray  # (3,) float32: that distance where the scale is 1
    faces: np.ndarray  # (F, 3) int64
    uv: np.ndarray  # (F, 3, 2) float32, origin at the top left
    texture: Path


def kind_of(path: Path, root: Path) -> str | None:
    """What a file is by the folder of the pack it lies in: "hair", "brows", ... or None for clothes and the like."""
    for folder in path.relative_to(root.parent).parents:
        if folder.name.lower() in _FOLDERS:
            return _FOLDERS[folder.name.lower()]
    return None


def read_garment(path: Path) -> GarmentFile:
    """A .mhclo file with the mesh and texture it names.

    Raises:
        AssetError: something is missing, or the parts don't fit each other.
        OSError: a file can't be read.
    """
    header, rows = _read_binding(path)
    base_mesh = (header.get("basemesh") or ["hm08"])[0]
    if base_mesh not in ("hm08", "alpha_7"):
        raise AssetError(f"it is made for the base mesh {base_mesh}, not hm08")
    words = {"obj_file": 1, **dict.fromkeys(_AXES, 3)}
    missing = [name for name, count in words.items() if len(header.get(name, [])) < count]
    if missing or not rows:
        raise AssetError(f"it has no {missing[0] if missing else 'vertices'}")
    base, weights, offset = _binding_arrays(rows)
    pairs = np.array([[int(word) for word in header[axis][:2]] for axis in _AXES], np.int64)
    units = np.array([float(header[axis][2]) for axis in _AXES], np.float32)
    if min(base.min(), pairs.min()) < 0 or max(base.max(), pairs.max()) >= N_BASE or (units <= 0).any():
        raise AssetError("it names vertices that hm08 does not have, or a scale that is not positive")
    n_vertices, faces, uv = read_obj(beside(path, header["obj_file"][0]))
    if n_vertices != len(base):
        raise AssetError(f"it binds {len(base)} vertices, but its mesh has {n_vertices}")
    material = beside(path, header["material"][0]) if header.get("material") else None
    texture = diffuse_texture(material) if material else None
    texture = texture or find_image(path.parent, path.stem, f"{path.stem}_diffuse")
    if texture is None:
        raise AssetError("it has no texture")
    return GarmentFile(path.stem, base, weights, offset, pairs, units, faces, uv, texture)


def _read_binding(path: Path) -> tuple[dict[str, list[str]], list[list[float]]]:
    """Keywords with their words, and the rows of numbers after "verts"."""
    header: dict[str, list[str]] = {}
    rows: list[list[float]] = []
    in_rows = False
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, *words = line.split("#")[0].split() or [""]
        if in_rows and key and (key[0].isdigit() or key[0] == "-"):
            try:
                rows.append([float(key), *map(float, words)])
            except ValueError as error:
                raise AssetError(f"a vertex is no row of numbers: {line.strip()!r}") from error
        elif key:
            in_rows = (in_rows or key == "verts") and key not in _OTHER_ROWS
            header[key] = words
    return header, rows


def _binding_arrays(rows: list[list[float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of one base vertex, or of three with weights and an offset."""
    full = np.zeros((len(rows), 9))
    for row, values in zip(full, rows, strict=True):
        if len(values) == 1:
            row[:3], row[3] = values[0], 1
        elif len(values) == 9:
            row[:] = values
        else:
            raise AssetError(f"a vertex has {len(values)} numbers, not 1 or 9")
    if not np.isfinite(full).all():
        raise AssetError("a vertex is not finite")
    return full[:, :3].astype(np.int64), full[:, 3:6].astype(np.float32), full[:, 6:].astype(np.float32)


def read_obj(path: Path) -> tuple[int, np.ndarray, np.ndarray]:
    """Number of vertices, triangles (F, 3), and texture coordinates (F, 3, 2) with the origin at the top left."""
    n_vertices, chart, faces, corners = 0, [], [], []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, *words = line.split() or [""]
        if key == "v":
            n_vertices += 1
        elif key == "vt":
            u, v = map(float, words[:2])  # ValueError where there are fewer
            chart.append((u, 1 - v))
        elif key == "f":
            ends = [word.split("/") for word in words]
            if any(len(end) < 2 or not end[1] for end in ends):
                raise AssetError(f"the mesh {path.name} has no texture coordinates")
            for a, b in pairwise(ends[1:]):
                faces.append([int(end[0]) - 1 for end in (ends[0], a, b)])
                corners.append([int(end[1]) - 1 for end in (ends[0], a, b)])
    triangles, rows = np.array(faces, np.int64), np.array(corners, np.int64)
    if len(faces) == 0 or triangles.min() < 0 or triangles.max() >= n_vertices:
        raise AssetError(f"the mesh {path.name} has no faces, or faces of vertices that it lacks")
    if rows.min() < 0 or rows.max() >= len(chart):
        raise AssetError(f"the mesh {path.name} names texture coordinates that it lacks")
    return n_vertices, triangles, np.array(chart, np.float32)[rows]


def diffuse_texture(material: Path) -> Path | None:
    """The picture that a .mhmat file names, in whatever format it is there; None if it names none that is."""
    for line in material.read_text(encoding="utf-8", errors="replace").splitlines():
        key, *words = line.split() or [""]
        if key == "diffuseTexture" and words:
            named = material.parent / " ".join(words).replace("\\", "/")
            return find_image(named.parent, named.stem)
    return None


def find_image(folder: Path, *stems: str) -> Path | None:
    """The first picture of one of these names, in any format."""
    return next((path for path in _candidates(folder, stems) if path.is_file()), None)


def _candidates(folder: Path, stems: Iterable[str]) -> Iterable[Path]:
    return (folder / f"{stem}{suffix}" for stem in stems for suffix in IMAGE_SUFFIXES)


def beside(path: Path, name: str) -> Path:
    """The file that ``path`` names. AssetError if it isn't there."""
    found = path.parent / name
    if not found.is_file():
        raise AssetError(f"{name} is missing")
    return found


def read_image(path: Path) -> np.ndarray:
    """(h, w, 3) or, with opacity, (h, w, 4) uint8, RGB. AssetError if it can't be decoded."""
    data = np.frombuffer(path.read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if image is None:
        raise AssetError(f"{path.name} is no picture that can be read")
    if image.dtype != np.uint8:
        image = (image / 257).astype(np.uint8)
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, 2)
    return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGB)
