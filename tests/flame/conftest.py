"""A small made-up head in the shape of FLAME's files, and a folder as users have it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_matrix
from scipy.spatial import ConvexHull

N_SHAPE, N_EXPRESSION = 300, 100
N_HALF = 100  # vertices on the subject's left


def head_arrays(seed: int = 0) -> dict[str, Any]:
    """The dict inside a FLAME pickle, for a mirror-symmetric egg of 200 vertices and about 17 by 22 by 20 cm."""
    rng = np.random.default_rng(seed)
    left = rng.normal(size=(N_HALF, 3))
    left[:, 0] = np.abs(left[:, 0]) + 0.2
    points = np.concatenate([left, left * [-1, 1, 1]])
    points *= np.array([0.085, 0.11, 0.10]) / np.linalg.norm(points, axis=1, keepdims=True)
    hull = ConvexHull(points)
    faces = hull.simplices
    corners = points[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inward = (normals * corners.mean(1)).sum(1) < 0
    faces[inward] = faces[inward][:, ::-1]
    n = len(points)
    weights = rng.random((n, 5)) ** 4
    regressor = np.where(rng.random((5, n)) < 0.1, rng.random((5, n)), 0)
    decay = 0.01 / np.sqrt(1 + np.arange(N_SHAPE + N_EXPRESSION))
    return {
        "v_template": points,
        "f": faces.astype(np.uint32),
        "shapedirs": rng.normal(size=(n, 3, N_SHAPE + N_EXPRESSION)) * decay,
        "posedirs": rng.normal(size=(n, 3, 36)) * 1e-3,
        "J_regressor": csc_matrix(regressor / regressor.sum(1, keepdims=True)),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], dtype=np.uint32),
        "J": np.zeros((5, 3)),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


def write_pickle(path: Path, contents: Any, protocol: int = 2) -> Path:
    """As FLAME's authors write their files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(contents, protocol))
    return path


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXEL3DMM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def arrays() -> dict[str, Any]:
    return head_arrays()


@pytest.fixture
def model_file(tmp_path: Path, arrays: dict[str, Any]) -> Path:
    return write_pickle(tmp_path / "FLAME2020" / "generic_model.pkl", arrays)
