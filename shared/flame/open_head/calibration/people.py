"""A linear model of scanned people, as far as the calibration reads it: skin, landmarks, eyeballs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from shared.flame.errors import FlameFileError
from shared.flame.open_head.calibration.head_surface import normals_and_areas
from shared.flame.open_head.makehuman import Array

_ARRAYS = ("neutral_mm", "identity_mm", "quads", "part_names", "part_quads", "ibug68")
_SKIN, _SKULL = "face", "head"
_MM = 1e-3
# Vertices of ICT-FaceKit's left ear: top of the helix, lobe, hindmost point.
_EAR_ENDS = (6844, 6735, 6836)


@dataclass(frozen=True)
class Person:
    """One head of the model, metres; x = subject's left, y up, z forward."""

    verts_m: Array  # (P, 3)
    normals: Array  # (P, 3) unit, out of the skin; zero off it

    def moved(self, rotation: Array, shift_m: Array) -> Person:
        """The same in another frame."""
        return Person(self.verts_m @ rotation.T + shift_m, self.normals @ rotation.T)


@dataclass(frozen=True, eq=False)
class ScanModel:
    """Mean and principal components of scans: a person is ``mean + weights @ components``, weights N(0, 1)."""

    mean_m: Array  # (P, 3) float64
    components_m: Array  # (W, P, 3) float32
    faces: Array  # (F, 3) triangles of the skin: face and skull
    all_faces: Array  # (G, 3) triangles of the whole: skin, eyeballs, mouth
    face_skin: Array  # sorted vertices of the face's part
    skull_skin: Array  # the other vertices of ``faces``: skull, ears, nape
    eyeballs: tuple[Array, Array]  # vertices of the scleras, left first
    ibug68: Array  # (68,) vertices
    ear_ends: Array  # (6,) vertices: top, lobe, hindmost point of the left ear, then of the right one

    @property
    def n_weights(self) -> int:
        """W."""
        return len(self.components_m)

    @staticmethod
    def read(path: Path) -> ScanModel:
        """ICT-FaceKit packed in one .npz of millimetres. FlameFileError where it is no such file."""
        if not path.is_file():
            raise FlameFileError(path, "does not exist", "give the packed ICT-FaceKit model: ict=FILE.npz")
        try:
            with np.load(path, allow_pickle=False) as file:
                missing = [name for name in _ARRAYS if name not in file]
                if missing:
                    raise FlameFileError(path, f"has no {', '.join(missing)}", "give the packed ICT-FaceKit model")
                arrays = {name: file[name] for name in _ARRAYS}
        except ValueError as error:
            raise FlameFileError(path, f"is no .npz: {error}", "give the packed ICT-FaceKit model") from error
        parts = {
            str(name): arrays["quads"][first:last]
            for name, (first, last) in zip(arrays["part_names"], arrays["part_quads"], strict=True)
        }
        mean = arrays["neutral_mm"].astype(np.float64) * _MM
        skin = np.unique(parts[_SKIN])
        quads = np.concatenate([parts[_SKIN], parts[_SKULL]])
        return ScanModel(
            mean_m=mean,
            components_m=arrays["identity_mm"].astype(np.float32) * np.float32(_MM),
            faces=_triangles(quads),
            all_faces=_triangles(arrays["quads"]),
            face_skin=skin,
            skull_skin=np.setdiff1d(parts[_SKULL], skin),
            eyeballs=(np.unique(parts["scleraL"]), np.unique(parts["scleraR"])),
            ibug68=arrays["ibug68"].astype(np.int64),
            ear_ends=np.concatenate([_EAR_ENDS, KDTree(mean).query(mean[list(_EAR_ENDS)] * [-1, 1, 1])[1]]),
        )

    def person(self, weights: Array) -> Person:
        """The head of weights (W,)."""
        verts = self.mean_m + np.tensordot(weights.astype(np.float32), self.components_m, 1)
        return Person(verts, normals_and_areas(verts, self.faces)[0])


def _triangles(quads: Array) -> Array:
    """(Q, 4), in which a triangle repeats its last corner -> (F, 3)."""
    halves = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return halves[(halves[:, 0] != halves[:, 2]) & (halves[:, 1] != halves[:, 2])].astype(np.int64)


def sphere(points: Array) -> tuple[Array, float]:
    """Centre (3,) and radius of the sphere that fits points (N, 3) best."""
    rows = np.concatenate([2 * points, np.ones((len(points), 1))], 1)
    solved = np.linalg.lstsq(rows, (points**2).sum(1), rcond=None)[0]
    return solved[:3], float(np.sqrt(solved[3] + solved[:3] @ solved[:3]))
