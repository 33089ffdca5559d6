"""The two sides of a comparison, each with NoW's seven landmarks: a predicted mesh, and true points of facial skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets, LandmarkEmbedding
from shared.geometry.meshes import face_normals, unit

# The NoW challenge's order: the subject's right eye's outer and inner corner, left eye's inner and outer corner, the
# point below the nose, right and left mouth corner. (NoW's "left" is that of the picture.) As in DECA and MICA:
# 19, 22, 25, 28, 16, 31, 37 of iBUG's inner 51.
N_NOW, N_IBUG = 7, 68
_NOW_IBUG51 = (19, 22, 25, 28, 16, 31, 37)
NOW_IBUG68 = tuple(17 + index for index in _NOW_IBUG51)
NOW_MEDIAPIPE = (33, 133, 362, 263, 2, 61, 291)  # the same of MediaPipe's 478
_NOW_ROWS = {
    "ibug68": NOW_IBUG68,
    "ibug51": _NOW_IBUG51,
    "mediapipe": NOW_MEDIAPIPE,
    "mediapipe105": NOW_MEDIAPIPE,
}
# What facial skin leaves out, should a head's "face" reach into it.
_NOT_SKIN = ("eyes", "left_eye", "right_eye", "mouth_interior", "sockets", "neck", "scalp", "ears")
_COLLINEAR = 1e-6  # second over first singular value of landmarks on one line


class InvalidFaceError(ValueError):
    """A mesh or a set of true points cannot be judged; the message says why."""


@dataclass(frozen=True)
class FaceMesh:
    """A reconstructed face in any right-handed metric frame."""

    verts_m: Tensor  # (V, 3)
    faces: Tensor  # (F, 3) int64, counter-clockwise seen from outside
    landmarks_m: Tensor  # (7, 3) in NoW order, in the frame of the vertices
    ibug68_m: Tensor | None = None  # (68, 3) iBUG's, in the same frame: what the strength of expression is taken from

    @staticmethod
    def of_head(verts_m: Tensor, assets: FlameAssets) -> FaceMesh:
        """The mesh (V, 3) of a head in the assets' vertex order."""
        return FaceMesh(verts_m, assets.faces, now_landmarks(verts_m, assets), ibug68(verts_m, assets))

    def checked(self, name: str = "the mesh") -> FaceMesh:
        """The same on the CPU in float64.

        Raises:
            InvalidFaceError: it is empty, has a vertex or landmark that is not finite, a face that names a missing
                vertex, or landmarks that are not seven or lie on one line; the message begins with ``name``.
        """
        verts, faces = (torch.as_tensor(one).detach().cpu() for one in (self.verts_m, self.faces))
        verts = verts.double()
        if verts.ndim != 2 or verts.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3:
            raise InvalidFaceError(f"{name}: needs (V, 3) and (F, 3), got {tuple(verts.shape)}, {tuple(faces.shape)}")
        if len(verts) == 0 or len(faces) == 0:
            raise InvalidFaceError(f"{name} is empty: {len(verts)} vertices, {len(faces)} faces")
        if faces.is_floating_point() or faces.min() < 0 or faces.max() >= len(verts):
            raise InvalidFaceError(f"{name}: faces must be vertex numbers from 0 to {len(verts) - 1}")
        if not verts.isfinite().all():
            raise InvalidFaceError(
                f"{name}: {int((~verts.isfinite().all(1)).sum())} of {len(verts)} vertices not finite"
            )
        return FaceMesh(verts, faces.long(), _checked_landmarks(self.landmarks_m, name), _checked_68(self, name))


@dataclass(frozen=True)
class TrueFace:
    """Points of true facial skin (the caller leaves out eyes, mouth interior, neck, scalp), in metres, any frame."""

    points_m: Tensor  # (N, 3)
    normals: Tensor  # (N, 3) of any length but zero, either sign
    landmarks_m: Tensor  # (7, 3) in NoW order
    ibug68_m: Tensor | None = None  # (68, 3) iBUG's

    @staticmethod
    def of_head(verts_m: Tensor, assets: FlameAssets, samples: LandmarkEmbedding) -> TrueFace:
        """``samples``, as of `skin_samples`, of a true head (V, 3); the normals are those of the triangles."""
        normals = face_normals(verts_m, assets.faces)[samples.face_index]
        points = samples.positions(verts_m, assets.faces)
        return TrueFace(points, normals, now_landmarks(verts_m, assets), ibug68(verts_m, assets))

    def checked(self, name: str = "the truth") -> TrueFace:
        """The same on the CPU in float64, with unit normals. InvalidFaceError as in `FaceMesh.checked`."""
        points, normals = self.points_m.detach().cpu().double(), self.normals.detach().cpu().double()
        if points.ndim != 2 or points.shape[1] != 3 or points.shape != normals.shape or len(points) == 0:
            raise InvalidFaceError(
                f"{name}: needs points and normals (N, 3), N > 0, got {tuple(points.shape)}, {tuple(normals.shape)}"
            )
        if not (points.isfinite().all() and normals.isfinite().all() and (normals != 0).any(1).all()):
            raise InvalidFaceError(f"{name}: a point is not finite, or a normal is not finite or zero")
        return TrueFace(points, unit(normals), _checked_landmarks(self.landmarks_m, name), _checked_68(self, name))


def _checked_landmarks(landmarks_m: Tensor, name: str) -> Tensor:
    landmarks = torch.as_tensor(landmarks_m).detach().cpu().double()
    if landmarks.shape != (N_NOW, 3):
        raise InvalidFaceError(f"{name}: needs seven landmarks (7, 3), got {tuple(landmarks.shape)}")
    if not landmarks.isfinite().all():
        raise InvalidFaceError(f"{name}: one of its seven landmarks is not finite")
    spread = torch.linalg.svdvals(landmarks - landmarks.mean(0))
    if spread[1] <= _COLLINEAR * spread[0]:
        raise InvalidFaceError(f"{name}: its landmarks lie on one line or in one point, so no rotation follows")
    return landmarks


def _checked_68(face: FaceMesh | TrueFace, name: str) -> Tensor | None:
    if face.ibug68_m is None:
        return None
    landmarks = torch.as_tensor(face.ibug68_m).detach().cpu().double()
    if landmarks.shape != (N_IBUG, 3) or not landmarks.isfinite().all():
        raise InvalidFaceError(f"{name}: ibug68_m must be (68, 3) finite numbers, got {tuple(landmarks.shape)}")
    return landmarks


def now_embedding(assets: FlameAssets) -> LandmarkEmbedding:
    """The seven NoW landmarks as surface points of a head, from the first of its landmark sets that has them all.

    Raises:
        KeyError: no set has them; names the sets there are.
    """
    for name, wanted in _NOW_ROWS.items():
        embedding = assets.landmarks.get(name)
        if embedding is None:
            continue
        there = range(len(embedding.face_index)) if embedding.index is None else embedding.index.tolist()
        row_of = {number: row for row, number in enumerate(there)}
        if all(number in row_of for number in wanted):
            rows = [row_of[number] for number in wanted]
            return LandmarkEmbedding(embedding.face_index[rows], embedding.barycentric[rows])
    raise KeyError(f"head {assets.name!r} has no NoW landmarks; its sets: {', '.join(sorted(assets.landmarks))}")


def now_landmarks(verts_m: Tensor, assets: FlameAssets) -> Tensor:
    """(..., V, 3) vertices of a head -> (..., 7, 3) landmarks in NoW order, in their frame and unit."""
    return now_embedding(assets).positions(verts_m, assets.faces)


def ibug68(verts_m: Tensor, assets: FlameAssets) -> Tensor | None:
    """(..., V, 3) vertices of a head -> (..., 68, 3) landmarks of iBUG; None where the head's files have none."""
    embedding = assets.landmarks.get("ibug68")
    return None if embedding is None else embedding.positions(verts_m, assets.faces)


def evaluation_skin(assets: FlameAssets) -> Tensor:
    """(V,) bool: facial skin with lips, lids and brows; no eyes, mouth interior, ears, neck or scalp.

    KeyError where the head's files brought no "face" region.
    """
    skin = assets.region("face").clone()
    for name in _NOT_SKIN:
        if name in assets.regions:
            skin &= ~assets.regions[name]
    return skin


def skin_samples(assets: FlameAssets, count: int = 10_000, seed: int = 0) -> LandmarkEmbedding:
    """``count`` surface points spread evenly by area over the evaluation skin of the template.

    The same points for every head of these assets, so that per-point errors can be averaged over heads.
    """
    triangles = evaluation_skin(assets)[assets.faces].all(1).nonzero()[:, 0]
    areas = face_normals(assets.v_template.double(), assets.faces[triangles], normalise=False).norm(dim=1).numpy()
    rng = np.random.default_rng(seed)
    # One random place in each of ``count`` equal shares: no triangle gets more or fewer than its area by over one.
    places = (np.arange(count) + rng.random(count)) / count * areas.sum()
    chosen = np.minimum(np.searchsorted(np.cumsum(areas), places), len(areas) - 1)
    root, along = np.sqrt(rng.random(count)), rng.random(count)
    barycentric = np.stack([1 - root, root * (1 - along), root * along], 1)
    return LandmarkEmbedding(triangles[torch.from_numpy(chosen)], torch.from_numpy(barycentric))
