"""Check the arrays of a FLAME-like model; every error names the key."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shared.flame.cache import Arrays
from shared.flame.errors import FlameFileError
from shared.flame.read import MODEL_KEYS
from shared.flame.schema import PARENTS

WEIGHT_TOLERANCE = 1e-3  # of a row's sum; FLAME's own rows are within 1e-6
_N_JOINTS = len(PARENTS)
_WRONG_MODEL = "FLAME has 5 joints: root, neck, jaw, left eye, right eye; SMPL and SMPL-X files are not read"


def check_model(path: Path, arrays: Arrays) -> None:
    """Raise FlameFileError unless the arrays make a head model."""
    missing = [key for key in MODEL_KEYS if key not in arrays]
    if missing:
        found = ", ".join(sorted(arrays)) or "none of FLAME's"
        raise FlameFileError(path, f"missing key {missing[0]!r}; it has {found}", f"needed: {', '.join(MODEL_KEYS)}")
    _check_shapes(path, arrays)
    for key in MODEL_KEYS:
        if not np.isfinite(arrays[key]).all():
            raise FlameFileError(path, f"{key}: holds NaN or infinite values", "copy or download it again")
    n_vertices = len(arrays["v_template"])
    faces = arrays["f"].astype(np.int64)
    if faces.min() < 0 or faces.max() >= n_vertices:
        wrong = f"f: names vertices {faces.min()} to {faces.max()}, expected 0 to {n_vertices - 1}"
        raise FlameFileError(path, wrong, "faces count from 0")
    sums = arrays["weights"].sum(1)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > WEIGHT_TOLERANCE:
        raise FlameFileError(path, f"weights: row {worst} sums to {sums[worst]:.4f}, expected 1")
    parents = [int(parent) for parent in arrays["kintree_table"][0]]
    root_ok = parents[0] in (-1, 2**32 - 1)  # FLAME writes -1 as an unsigned number
    if not root_ok or tuple(parents[1:]) != PARENTS[1:]:
        wrong = f"kintree_table: parents {parents}, expected {list(PARENTS)} (4294967295 for -1 is fine)"
        raise FlameFileError(path, wrong, _WRONG_MODEL)


def _check_shapes(path: Path, arrays: Arrays) -> None:
    n = arrays["v_template"].shape[0] if arrays["v_template"].ndim else 0
    columns = arrays["shapedirs"].shape[2] if arrays["shapedirs"].ndim == 3 else 0
    n_faces = arrays["f"].shape[0] if arrays["f"].ndim else 0
    expected = {
        "v_template": (n, 3),
        "shapedirs": (n, 3, columns),
        "posedirs": (n, 3, 9 * (_N_JOINTS - 1)),
        "J_regressor": (_N_JOINTS, n),
        "weights": (n, _N_JOINTS),
        "kintree_table": (2, _N_JOINTS),
        "f": (n_faces, 3),
    }
    names = {"shapedirs": f"({n}, 3, codes)", "f": "(faces, 3)", "v_template": "(vertices, 3)"}
    for key, shape in expected.items():
        got = arrays[key].shape
        if got != shape or 0 in got:
            raise FlameFileError(path, f"{key}: shape {got}, expected {names.get(key, shape)}", _WRONG_MODEL)
