"""MediaPipe's 478 landmarks as points on this head.

MediaPipe's canonical face is warped onto the mean head (thin-plate splines and closest points), with the lid rims, the
lip line and the vermilion border pinned to the mesh's own. The refinement in `data/` then moves landmarks to where
MediaPipe's network, trained on photos, marks them on renders of random heads (how: shared/assets/README.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import trimesh
from scipy.interpolate import RBFInterpolator
from scipy.spatial import KDTree

from shared.flame.landmarks import INNER_LIPS, LEFT_LIDS, OUTER_LIPS, RIGHT_LIDS
from shared.flame.open_head import eyes
from shared.flame.open_head.loops import HeadLoops
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.masks import SkinMask, contour_points
from shared.flame.open_head.shape import ShapeSpace
from shared.flame.open_head.topology import LABELS, Topology
from shared.geometry.meshes import align

DATA = Path(__file__).parent / "data"
N_MESH = 468
LID_RUNS = {  # from the inner to the outer corner
    "right_upper": RIGHT_LIDS[8::-1],
    "right_lower": (*RIGHT_LIDS[8:], RIGHT_LIDS[0]),
    "left_upper": LEFT_LIDS[8::-1],
    "left_lower": (*LEFT_LIDS[8:], LEFT_LIDS[0]),
}
LIP_LINE_UPPER = INNER_LIPS[:11]  # from the right to the left corner
LIP_LINE_LOWER = (INNER_LIPS[0], *INNER_LIPS[:9:-1])
LIP_CORNERS = (61, 291)
DENSE = 400  # points on a line where the nearest is looked up
SMOOTHING = (2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5)
NEIGHBOURS = 40  # triangles tried for a closest point


@dataclass(frozen=True)
class Embedding:
    """Landmarks on triangles."""

    face_index: Array  # (L,)
    barycentric: Array  # (L, 3)

    def rows(self, index: Array) -> Embedding:
        """Some of the landmarks."""
        return Embedding(self.face_index[index], self.barycentric[index])


class Surface:
    """Closest points on the head's skin."""

    def __init__(self, topology: Topology, positions: Array) -> None:
        self.rows = np.flatnonzero(np.isin(topology.face_label, [LABELS.index("head"), LABELS.index("neck")]))
        self._triangles = positions[topology.faces[self.rows]]
        self._tree = KDTree(self._triangles.mean(1))

    def closest(self, points: Array) -> tuple[Array, Array]:
        """(P, 3) -> closest points (P, 3) and their rows of the topology's faces (P,)."""
        near = np.asarray(self._tree.query(points, NEIGHBOURS)[1])
        repeated = np.repeat(points, NEIGHBOURS, 0)
        candidates = trimesh.triangles.closest_point(self._triangles[near].reshape(-1, 3, 3), repeated)
        candidates = candidates.reshape(len(points), NEIGHBOURS, 3)
        best = np.linalg.norm(candidates - points[:, None], axis=-1).argmin(1)
        row = np.arange(len(points))
        return candidates[row, best], self.rows[near[row, best]]

    def embed(self, points: Array, topology: Topology, positions: Array) -> Embedding:
        """Closest surface points as an embedding."""
        points, face = self.closest(points)
        weights = trimesh.triangles.points_to_barycentric(positions[topology.faces[face]], points)
        weights = np.clip(weights, 0, 1)
        return Embedding(face, weights / weights.sum(1, keepdims=True))


def canonical_face() -> Array:
    """(468, 3) metres."""
    data = json.loads((DATA / "mediapipe_canonical_face.json").read_text())
    return np.array(data["vertices_cm"]) * 0.01


def mirrored_landmarks() -> Array:
    """(478,) the landmark on the other side."""
    canonical = canonical_face()
    mesh = KDTree(canonical * [-1, 1, 1]).query(canonical)[1]
    return np.concatenate([mesh, [473, 476, 475, 474, 477, 468, 471, 470, 469, 472]])


def polyline_points(line: Array, source: Array) -> Array:
    """Points along a polyline (N, 3) at the relative arc lengths of ``source`` (M, 3)."""
    return np.stack([np.interp(_arc(source), _arc(line), line[:, k]) for k in range(3)], 1)


def _arc(line: Array) -> Array:
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return length / length[-1]


def pinned_targets(shape: ShapeSpace, lips: SkinMask, topology: Topology, warped: Array) -> dict[int, Array]:
    """Landmarks whose place follows from the mesh: lid rims, lip line, vermilion border, mid-line points."""
    positions, loops = shape.template, shape.loops
    pins: dict[int, Array] = {}

    def pin(indices: tuple[int, ...], points: Array) -> None:
        pins.update(zip(indices, points, strict=True))

    for side, lid in (("right", loops.right_lid), ("left", loops.left_lid)):
        for run, vertices in (("upper", lid.upper), ("lower", lid.lower)):
            indices = LID_RUNS[f"{side}_{run}"]
            pin(indices, polyline_points(positions[vertices], warped[list(indices)]))
    pin(LIP_LINE_UPPER, polyline_points(positions[loops.lips.upper], warped[list(LIP_LINE_UPPER)]))
    pin(LIP_LINE_LOWER, polyline_points(positions[loops.lips.lower], warped[list(LIP_LINE_LOWER)]))
    border = contour_points(topology, positions, lips)
    pin(OUTER_LIPS, border[KDTree(border).query(warped[list(OUTER_LIPS)])[1]])
    places = shape.places
    pin((4, 152, 168), positions[[places.nose_tip, places.menton, places.nasion]])
    return pins


def refinement() -> Array:
    """(468, 3) metres: where MediaPipe's network marks the landmarks, less where the warp put them."""
    data = json.loads((DATA / "landmark_refinement.json").read_text())
    return np.array(data["offsets_mm"]) * 1e-3


def border_lines(loops: HeadLoops) -> list[tuple[tuple[int, ...], Array]]:
    """Landmarks that lie on a run of vertices."""
    return [
        (LID_RUNS["right_upper"], loops.right_lid.upper),
        (LID_RUNS["right_lower"], loops.right_lid.lower),
        (LID_RUNS["left_upper"], loops.left_lid.upper),
        (LID_RUNS["left_lower"], loops.left_lid.lower),
        (LIP_LINE_UPPER, loops.lips.upper),
        (LIP_LINE_LOWER, loops.lips.lower),
    ]


def _member(topology: Topology, vertices: Array) -> Array:
    mask = np.zeros(topology.n_vertices, bool)
    mask[vertices] = True
    return mask


def onto_borders(topology: Topology, shape: ShapeSpace, lips: SkinMask, points: Array) -> Array:
    """Put landmarks (468, 3) of the lid rims, the lip line and the vermilion border back on these."""
    positions, loops = shape.template, shape.loops
    out = points.copy()
    for indices, run in border_lines(loops):
        line = positions[run]
        dense = np.concatenate([polyline_points(line, np.linspace(line[0], line[-1], DENSE)), line])
        out[list(indices)] = dense[KDTree(dense).query(points[list(indices)])[1]]
    border = contour_points(topology, positions, lips)
    inner = [index for index in OUTER_LIPS if index not in LIP_CORNERS]
    out[inner] = border[KDTree(border).query(points[inner])[1]]
    return out


def embed_mediapipe(topology: Topology, shape: ShapeSpace, lips: SkinMask) -> Embedding:
    """MediaPipe's 478 landmarks on the mean head."""
    positions, loops = shape.template, shape.loops
    points = canonical_face()
    anchors = {
        33: loops.right_lid.outer,
        133: loops.right_lid.inner,
        362: loops.left_lid.inner,
        263: loops.left_lid.outer,
        78: loops.lips.right,
        308: loops.lips.left,
        4: shape.places.nose_tip,
        152: shape.places.menton,
        168: shape.places.nasion,
    }
    source, target = points[list(anchors)], positions[list(anchors.values())]
    similarity = align(torch.from_numpy(source), torch.from_numpy(target), with_scale=True)
    points = similarity.apply(torch.from_numpy(points)).numpy()
    surface = Surface(topology, positions)
    mirror = mirrored_landmarks()[:N_MESH]
    for smoothing in SMOOTHING:
        target = surface.closest(points)[0]
        for index, point in pinned_targets(shape, lips, topology, points).items():
            target[index] = point
        target = (target + target[mirror] * [-1, 1, 1]) / 2
        points = RBFInterpolator(points, target, kernel="thin_plate_spline", smoothing=smoothing)(points)
    points = surface.closest(points + refinement())[0]
    points = onto_borders(topology, shape, lips, points)
    return symmetric_embedding(topology, positions, loops, surface, points)


def symmetric_embedding(
    topology: Topology, positions: Array, loops: HeadLoops, surface: Surface, points: Array
) -> Embedding:
    """Embed the right half and the mid-line of (468, 3), mirror the rest, add the irises.

    Mid-line landmarks go on the plane's edges, those of lids and lips on their own run: the shut lips touch, and the
    nearest triangle may be the other lip's.
    """
    mirror = mirrored_landmarks()
    points = (points + points[mirror[:N_MESH]] * [-1, 1, 1]) / 2
    found = surface.embed(points, topology, positions)
    face = np.concatenate([found.face_index, np.zeros(10, int)])
    weight = np.concatenate([found.barycentric, np.zeros((10, 3))])
    middle = np.flatnonzero(mirror[:N_MESH] == np.arange(N_MESH))
    on_plane = topology.mirror == np.arange(topology.n_vertices)
    lines = [(list(indices), _member(topology, run)) for indices, run in border_lines(loops)]
    for indices, member in [(middle, on_plane), *lines]:
        exact = Edges(topology, positions, surface, member).embed(points[indices])
        face[indices], weight[indices] = exact.face_index, exact.barycentric
    lookup = {tuple(sorted(corners)): row for row, corners in enumerate(topology.faces.tolist())}
    for index in range(N_MESH):
        other = mirror[index]
        if points[index, 0] > 1e-9 and other != index:  # left follows right
            corners = topology.mirror[topology.faces[face[other]]]
            row = lookup.get(tuple(sorted(corners.tolist())))
            if row is not None:
                face[index] = row
                order = [corners.tolist().index(corner) for corner in topology.faces[row].tolist()]
                weight[index] = weight[other][order]
    for first, ball in ((468, topology.right_eye), (473, topology.left_eye)):
        quarter = eyes.SEGMENTS // 4
        rim = ball.start + eyes.IRIS_RING * eyes.SEGMENTS + quarter * np.arange(4)
        centre = ball.start + eyes.N_VERTICES - 2
        for index, vertex in zip(range(first, first + 5), [centre, *rim], strict=True):
            row = int(np.flatnonzero((topology.faces == vertex).any(1))[0])
            face[index], weight[index] = row, topology.faces[row] == vertex
    return Embedding(face, weight)


class Edges:
    """Edges of skin triangles to embed landmarks on."""

    def __init__(self, topology: Topology, positions: Array, surface: Surface, member: Array) -> None:
        """Edges with both ends in ``member`` (V,) bool."""
        rows, corner = np.repeat(surface.rows, 3), np.tile([0, 1, 2], len(surface.rows))
        start, stop = topology.faces[rows, corner], topology.faces[rows, (corner + 1) % 3]
        inside = member[start] & member[stop]
        self._rows, self._corner = rows[inside], corner[inside]
        self._start = positions[start[inside]]
        self._along = positions[stop[inside]] - self._start

    def embed(self, points: Array) -> Embedding:
        """Closest points on the edges."""
        t = np.einsum("pek,ek->pe", points[:, None] - self._start, self._along) / (self._along**2).sum(1)
        t = np.clip(t, 0, 1)
        best = np.linalg.norm(self._start + t[..., None] * self._along - points[:, None], axis=-1).argmin(1)
        index = np.arange(len(points))
        weight = np.zeros((len(points), 3))
        weight[index, self._corner[best]] = 1 - t[index, best]
        weight[index, (self._corner[best] + 1) % 3] = t[index, best]
        return Embedding(self._rows[best], weight)
