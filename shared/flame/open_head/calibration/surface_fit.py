"""Identity coefficients of a scanned person: point-to-plane distances both ways, solved by Gauss-Newton.

Near its solution a fit is summarised by the quadratic form of its coefficients (`Evidence`), the pose eliminated, so
that `moments.py` can change the prior without looking at surfaces again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from shared.flame.open_head.base_mesh import barycentric
from shared.flame.open_head.calibration.gaussian import Gaussian
from shared.flame.open_head.calibration.head_surface import FITTED, HeadSurface, normals_and_areas
from shared.flame.open_head.calibration.people import Person, ScanModel, sphere
from shared.flame.open_head.calibration.visibility import visible
from shared.flame.open_head.makehuman import Array
from shared.geometry.closest import SurfaceTree

INNER = np.arange(17, 68)  # of iBUG's 68: without the face's contour
GUIDES = np.array([33, 48, 54, *range(36, 48)])  # base of the nose, mouth corners, lids: placed better than the rest
# Largest distance between paired points, one a step: from the average head, from another person's, from an earlier fit.
FAR_M = (30e-3, 30e-3, 20e-3, 20e-3, 15e-3, 10e-3, 8e-3, 6e-3, 5e-3, 5e-3, 5e-3, 5e-3)
NEAR_M = (18e-3, 10e-3, 6e-3, 5e-3)
AGAIN_M = (5e-3, 5e-3)
MIN_COSINE = 0.7  # between paired normals


@dataclass(frozen=True)
class FitWeights:
    """How far each kind of evidence is trusted; standard deviations in metres."""

    surface_m: float = 0.7e-3
    patch_m2: float = 100e-6  # area over which the surface's error is one draw
    landmark_m: float = 3e-3  # iBUG's inner 51
    guide_m: float = 1e-3  # those of GUIDES
    eyeball_m: float = 1e-3  # centre, across the line of sight: scanned eyeballs are modelled too large for the depth
    ear_m: float = 2.5e-3  # top, lobe and hindmost point: ears keep to the size of people's, their relief is not fitted
    skull: float = 0.05  # of the face's weight, where scans wear hair or a cap
    neck: float = 0.05


@dataclass(frozen=True)
class Equations:
    """``moves @ coefficients - pose @ (turn, shift) = residual``, M rows, all in the head's frame."""

    moves: Array  # (M, C)
    pose: Array  # (M, 6) small rotation vector and translation of the scan
    residual: Array  # (M,) metres
    weight: Array  # (M,) 1 / variance


@dataclass(frozen=True)
class Evidence:
    """What a scan says of C coefficients: ``-2 log p = c' information c - 2 score' c + ...``, the pose eliminated."""

    information: Array  # (C, C)
    score: Array  # (C,)


@dataclass(frozen=True)
class Fit:
    """One person's coefficients, and the pose from the scan's frame to the head's."""

    coefficients: Array  # (C,)
    rotation: Array  # (3, 3)
    shift_m: Array  # (3,)
    evidence: Evidence


class SurfaceFitter:
    """Fits the open head to people of one scan model."""

    def __init__(self, head: HeadSurface, model: ScanModel, weights: FitWeights | None = None) -> None:
        self._head, self._model, self._weights = head, model, weights or FitWeights()
        self._used, share = self._scan_points()
        area = normals_and_areas(model.mean_m, model.faces)[1]
        self._scan_weight = share * area[self._used] * self._per_area
        kinds = {"face": 1.0, "scalp": self._weights.skull, "neck": self._weights.neck}
        ends = head.ear_ends
        self._ears = sparse.csr_array((np.ones(6), (np.arange(6), ends)), (6, len(head.template)))
        self._share = np.append([kinds[name] for name in FITTED], 0.0)[head.region]  # (V,)

    @property
    def _per_area(self) -> float:
        """Weight of a square metre; half of it for each of the two directions."""
        return 0.5 / (self._weights.surface_m**2 * self._weights.patch_m2)

    def _scan_points(self) -> tuple[Array, Array]:
        """Scan vertices that take part, and their share of the face's weight."""
        model = self._model
        mean, marks = model.mean_m, model.mean_m[model.ibug68]
        skin = model.face_skin[visible(mean, model.all_faces)[model.face_skin]]
        low = mean[skin, 1] < marks[8, 1] - 0.01
        behind = mean[skin, 2] < marks[[0, 16], 2].mean()
        share = np.where(low, self._weights.neck, np.where(behind, self._weights.skull, 1.0))
        rest = np.full(len(model.skull_skin), self._weights.skull)
        used, share = np.concatenate([skin, model.skull_skin]), np.concatenate([share, rest])
        # Scans are finer than our mesh: every second vertex will do, and every fourth where little depends on it.
        kept = (np.arange(len(used)) % np.where(share < 1, 4, 2)) == 0
        return used[kept], (share * np.where(share < 1, 4, 2))[kept]

    def fit(self, person: Person, prior: Gaussian, gates: tuple[float, ...], start: Fit | None = None) -> Fit:
        """Alternate closest points and linear solves, from the prior's mean or from another fit."""
        if start is None:
            c = prior.mean
            marks = self._head.landmarks[INNER] @ self._head.positions(c)
            rotation, shift = _align(person.verts_m[self._model.ibug68[INNER]], marks)
        else:
            c, rotation, shift = start.coefficients, start.rotation, start.shift_m
        precision = np.linalg.inv(prior.covariance)
        evidence = Evidence(precision, precision @ prior.mean)
        for gate in gates:
            posed = person.moved(rotation, shift)
            evidence, pose_at = _normal_equations(self._equations(posed, self._head.positions(c), gate))
            c = np.linalg.solve(evidence.information + precision, evidence.score + precision @ prior.mean)
            pose = pose_at(c)
            turn = Rotation.from_rotvec(pose[:3]).as_matrix()
            rotation, shift = turn @ rotation, turn @ shift + pose[3:]
        return Fit(c, rotation, shift, evidence)

    def _equations(self, scan: Person, verts: Array, gate: float) -> list[Equations]:
        """``scan`` in the head's frame; ``verts`` (V, 3) the head as fitted so far."""
        return [
            self._from_head(scan, verts, gate),
            self._from_scan(scan, verts, gate),
            *self._points(scan),
        ]

    def _from_head(self, scan: Person, verts: Array, gate: float) -> Equations:
        """Our vertices to the scan's nearest tangent plane."""
        normals, area = normals_and_areas(verts, self._head.faces)
        rows = np.flatnonzero(self._head.region >= 0)
        distance, nearest = map(np.asarray, KDTree(scan.verts_m[self._used]).query(verts[rows]))
        hit = self._used[nearest]
        good = (distance < gate) & ((scan.normals[hit] * normals[rows]).sum(1) > MIN_COSINE)
        rows, hit, nearest = rows[good], hit[good], nearest[good]
        share = np.minimum(self._share[rows], self._scan_weight[nearest] > 0)
        corners, mix = rows[:, None], np.ones((len(rows), 1))
        return self._planes(corners, mix, scan.normals[hit], scan.verts_m[hit], share * area[rows] * self._per_area)

    def _from_scan(self, scan: Person, verts: Array, gate: float) -> Equations:
        """The scan's vertices to the nearest point of our surface."""
        normals, _ = normals_and_areas(verts, self._head.faces)
        points = scan.verts_m[self._used]
        found = SurfaceTree.of(verts, self._head.faces).closest(points)
        corners = self._head.faces[found.face_index]
        mix = barycentric(found.points, verts[corners])
        normal = (normals[corners] * mix[..., None]).sum(1)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        good = (found.distance < gate) & ((normal * scan.normals[self._used]).sum(1) > MIN_COSINE)
        good &= (self._head.region[corners] >= 0).all(1)
        weight = self._scan_weight * np.minimum(self._share[corners].min(1), 1.0)
        return self._planes(corners[good], mix[good], normal[good], points[good], weight[good])

    def _planes(self, corners: Array, mix: Array, normal: Array, target: Array, weight: Array) -> Equations:
        """Points ``mix`` (M, K) of vertices ``corners`` (M, K) in planes through ``target`` (M, 3)."""
        columns = 3 * corners[:, :, None] + np.arange(3)
        values = mix[:, :, None] * normal[:, None]
        start = np.arange(len(corners) + 1) * columns[0].size
        shape = (len(corners), self._head.template.size)
        picked = sparse.csr_array((values.ravel(), columns.ravel(), start), shape)
        residual = (normal * target).sum(1) - picked @ self._head.template.ravel()
        pose = np.concatenate([np.cross(target, normal), normal], 1)
        return Equations(self._head.moves(picked), pose, residual, weight)

    def _points(self, scan: Person) -> list[Equations]:
        """Landmarks as points in space, eyeballs' centres across the line of sight."""
        deviation = np.full(68, self._weights.landmark_m)
        deviation[GUIDES] = self._weights.guide_m
        marks = scan.verts_m[self._model.ibug68[INNER]]
        centres = np.stack([sphere(scan.verts_m[ball])[0] for ball in self._model.eyeballs])
        eye, ear = np.full(2, self._weights.eyeball_m), np.full(6, self._weights.ear_m)
        return [
            *(self._along(axis, self._head.landmarks[INNER], marks, deviation[INNER]) for axis in range(3)),
            *(self._along(axis, self._head.eyes, centres, eye) for axis in range(2)),
            *(self._along(axis, self._ears, scan.verts_m[self._model.ear_ends], ear) for axis in range(3)),
        ]

    def _along(self, axis: int, picker: sparse.csr_array, target: Array, deviation: Array) -> Equations:
        moves = picker.astype(np.float32) @ self._head.directions[axis::3]
        normal = np.tile(np.eye(3)[axis], (len(target), 1))
        residual = target[:, axis] - picker @ self._head.template[:, axis]
        return Equations(moves, np.concatenate([np.cross(target, normal), normal], 1), residual, deviation**-2.0)


def _normal_equations(parts: list[Equations]) -> tuple[Evidence, Callable[[Array], Array]]:
    """The evidence, and the pose (6,) that goes best with coefficients."""
    moves = np.concatenate([part.moves for part in parts])
    pose = np.concatenate([part.pose for part in parts])
    residual = np.concatenate([part.residual for part in parts])
    root = np.sqrt(np.concatenate([part.weight for part in parts]))
    rows = np.concatenate([moves, -pose], 1) * root[:, None]  # float64 from here: the coefficients' scales differ much
    gram, right = rows.T @ rows, rows.T @ (root * residual)
    n = moves.shape[1]
    cross = gram[:n, n:]
    inverse = np.linalg.inv(gram[n:, n:])
    evidence = Evidence(gram[:n, :n] - cross @ inverse @ cross.T, right[:n] - cross @ inverse @ right[n:])
    return evidence, lambda c: inverse @ (right[n:] - cross.T @ c)


def _align(source: Array, target: Array) -> tuple[Array, Array]:
    """Rotation and translation that carry points (N, 3) onto others."""
    matrix = Rotation.align_vectors(target - target.mean(0), source - source.mean(0))[0].as_matrix()
    return matrix, target.mean(0) - matrix @ source.mean(0)
