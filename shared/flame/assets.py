"""Load a head model: the open head, or FLAME files as users have them."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.flame.checks import check_model
from shared.flame.errors import FlameFileError
from shared.flame.open_head_file import load_open_head
from shared.flame.read import MODEL_SUFFIXES, read_model
from shared.flame.regions import mirror_map
from shared.flame.schema import FlameAssets
from shared.flame.side_files import load_eyelids, load_landmarks, load_regions
from shared.flame.texture_coordinates import load_uv

FLAME_SHAPE_COLUMNS = 300

# Stem of a model file (lower case) -> release and variant. In each release the earlier name is taken first.
_KNOWN = {
    "generic_model": ("flame2020", ""),
    "female_model": ("flame2020", "female"),
    "male_model": ("flame2020", "male"),
    "flame_neutral": ("flame", ""),
    "flame_female": ("flame", "female"),
    "flame_male": ("flame", "male"),
    "flame2023": ("flame2023", ""),
    "flame2023_no_jaw": ("flame2023", "no-jaw"),
    "flame2023_open": ("flame2023-open", ""),
}

_FORMER_NAME = "open_head_2"
_OPEN_HEAD = "the calibrated head is the default now: leave flame= out"

log = logging.getLogger(__name__)


def load_flame(path: str | Path | None = None, n_shape: int | None = None) -> FlameAssets:
    """A head model.

    ``path``: None for the open head; a FLAME model file (.pkl, .npz, .safetensors); or a folder that holds one, with
    its side files. Side files are looked for beside the model, in the folder given, and in the folder above the model;
    what is missing is logged and left empty.

    ``n_shape``: how many columns of ``shapedirs`` are identity; the rest are expression. Without it the first 300 are
    (all of them, where there are fewer), as in every release of FLAME.

    Raises FlameFileError with the path, the problem and what to do.
    """
    if path is None:
        return load_open_head()
    given = Path(path).expanduser()
    if not given.exists():
        hint = _OPEN_HEAD if str(path) == _FORMER_NAME else "give a FLAME model file or folder, or none: the open head"
        raise FlameFileError(given, "does not exist", hint)
    model = find_model(given) if given.is_dir() else given
    arrays = read_model(model)
    check_model(model, arrays)
    folders = _side_folders(given, model)
    faces = arrays["f"].astype(np.int64)
    template = arrays["v_template"].astype(np.float64)
    n_vertices = len(template)
    shape_columns = _shape_columns(model, arrays["shapedirs"].shape[2], n_shape)
    uv, uv_faces = load_uv(folders, faces)
    v_template, blendshapes, posedirs, regressor, weights = (
        _float32(arrays[key]) for key in ("v_template", "shapedirs", "posedirs", "J_regressor", "weights")
    )
    shapedirs, expressiondirs = (part.contiguous() for part in blendshapes.tensor_split([shape_columns], 2))
    return FlameAssets(
        name=model_name(model),
        v_template=v_template,
        shapedirs=shapedirs,
        expressiondirs=expressiondirs,
        eyelid_dirs=load_eyelids(folders, template),
        posedirs=posedirs,
        joint_regressor=regressor,
        lbs_weights=weights,
        faces=torch.from_numpy(faces),
        uv=uv,
        uv_faces=uv_faces,
        regions=load_regions(folders, n_vertices),
        landmarks=load_landmarks(folders, len(faces)),
        mirror=mirror_map(v_template),
    )


def model_name(model: Path) -> str:
    """ "flame2023-no-jaw" for flame2023_no_jaw.pkl; the stem for files that no release has."""
    release, variant = _KNOWN.get(model.stem.lower(), (model.stem, ""))
    return f"{release}-{variant}" if variant else release


def find_model(folder: Path) -> Path:
    """The model file in a folder or its sub-folders; the full, neutral one where a release has several.

    FlameFileError if there is none, or if there are models of different releases.
    """
    candidates = [
        entry
        for entry in sorted([*folder.glob("*"), *folder.glob("*/*"), *folder.glob("*/*/*")])
        if entry.suffix.lower() in MODEL_SUFFIXES and entry.stem.lower() in _KNOWN
    ]
    if not candidates:
        names = ", ".join(sorted(f"{stem}.pkl" for stem in _KNOWN))
        raise FlameFileError(folder, "no FLAME model in this folder", f"known names: {names}; or give the file itself")
    releases = {_KNOWN[entry.stem.lower()][0] for entry in candidates}
    if len(releases) > 1:
        listed = ", ".join(str(entry.relative_to(folder)) for entry in candidates)
        raise FlameFileError(folder, f"models of different releases: {listed}", "give one of these files instead")
    order = list(_KNOWN)
    chosen = min(candidates, key=lambda entry: (order.index(entry.stem.lower()), len(entry.parts)))
    if len(candidates) > 1:
        log.info("%d models in %s; taking %s", len(candidates), folder, chosen.name)
    return chosen


def _side_folders(given: Path, model: Path) -> list[Path]:
    folders = [model.parent]
    if given.is_dir():
        folders += [given, *sorted(entry for entry in [*given.glob("*"), *given.glob("*/*")] if entry.is_dir())]
    folders.append(model.parent.resolve().parent)
    return list(dict.fromkeys(folders))


def _shape_columns(model: Path, columns: int, n_shape: int | None) -> int:
    if n_shape is None:
        if columns != 400:
            log.warning(
                "%s has %d blendshapes, not FLAME's 300 + 100: taking %d for identity; n_shape= says otherwise",
                model,
                columns,
                min(columns, FLAME_SHAPE_COLUMNS),
            )
        return min(columns, FLAME_SHAPE_COLUMNS)
    if not 0 < n_shape <= columns:
        raise FlameFileError(model, f"n_shape={n_shape}, but shapedirs has {columns} columns", f"give 1 to {columns}")
    return n_shape


def _float32(array: np.ndarray) -> Tensor:
    # Arrays out of a pickle may be read-only, about which torch warns.
    return torch.from_numpy(np.require(array, np.float32, ["C", "W"]))
