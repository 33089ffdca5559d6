"""Which of MakeHuman's vertices and faces make the head, its clean neck edge, triangles, mirror and charts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from shared.flame.open_head import eyes
from shared.flame.open_head.clip import clip_triangles
from shared.flame.open_head.makehuman import Array, BaseMesh

LABELS = (
    "head",
    "mouth_cavity",
    "right_socket",
    "left_socket",
    "neck",
    "tongue",
    "upper_teeth",
    "lower_teeth",
    "left_eye",
    "right_eye",
)
HELPERS = {"tongue": "helper-tongue", "upper_teeth": "helper-upper-teeth", "lower_teeth": "helper-lower-teeth"}
EYE_HELPERS = ("helper-l-eye", "helper-r-eye")
JOINT_HELPERS = ("joint-neck", "joint-head")  # markers of the rig
KEPT_ABOVE = 0.48  # metres in MakeHuman's frame, safely below the neck edge
NECK_FROM_EYES = np.array([0.0, -0.178, -0.05])  # of a point on the neck edge's plane, from the middle of the eyes
NECK_NORMAL = np.array([0.0, 0.903, 0.43])  # points to the head; the edge runs from the throat up to the nape


@dataclass(frozen=True)
class Topology:
    """Connectivity of the head. Vertices: skin and helpers first, then the left and the right eyeball."""

    raw: Array  # (K,) base mesh vertices the head depends on
    edge: Array  # (N, 2) rows of raw; solid vertex = (1 - t) first + t second
    edge_t: Array  # (N,)
    left_eye_raw: Array  # rows of raw: the sculpted left eye
    right_eye_raw: Array
    faces: Array  # (F, 3)
    face_label: Array  # (F,) index in LABELS
    texture: Array  # (F, 3) rows of atlas
    atlas: Array  # (T, 2) MakeHuman's coordinates, origin bottom left; eyes have their disk charts
    mirror: Array  # (V,)

    @property
    def n_solid(self) -> int:
        """Vertices that are not eyeballs."""
        return len(self.edge)

    @property
    def n_vertices(self) -> int:
        """V."""
        return self.n_solid + 2 * eyes.N_VERTICES

    @property
    def left_eye(self) -> slice:
        """Vertices of the subject's left eyeball."""
        return slice(self.n_solid, self.n_solid + eyes.N_VERTICES)

    @property
    def right_eye(self) -> slice:
        """Vertices of the subject's right eyeball."""
        return slice(self.n_solid + eyes.N_VERTICES, self.n_vertices)

    def label_faces(self, *labels: str) -> Array:
        """(M, 3) the faces of some labels."""
        return self.faces[np.isin(self.face_label, [LABELS.index(name) for name in labels])]

    def label_vertices(self, *labels: str) -> Array:
        """Sorted vertices touched by the faces of some labels."""
        return np.unique(self.label_faces(*labels))

    def label_mask(self, *labels: str) -> Array:
        """(V,) bool."""
        mask = np.zeros(self.n_vertices, bool)
        mask[self.label_vertices(*labels)] = True
        return mask

    def solid(self, raw_positions: Array) -> Array:
        """(..., K, 3) base mesh positions or offsets -> (..., N, 3) of the solid vertices."""
        first, second = raw_positions[..., self.edge[:, 0], :], raw_positions[..., self.edge[:, 1], :]
        t = self.edge_t[:, None].astype(raw_positions.dtype)
        return first + t * (second - first)


def kept_vertices(base: BaseMesh) -> Array:
    """Base mesh vertices the head can depend on."""
    body = base.groups["body"].vertex_ids
    body = body[base.vertices[body, 1] > KEPT_ABOVE]
    helpers = [base.groups[name].vertex_ids for name in (*HELPERS.values(), *EYE_HELPERS, *JOINT_HELPERS)]
    return np.unique(np.concatenate([body, *helpers]))


def build_topology(base: BaseMesh, raw: Array, raw_mean: Array, raw_mirror: Array) -> Topology:
    """Clip the neck of the mean head ``raw_mean`` (K, 3), triangulate, append the eyeballs.

    ``raw`` (K,) are the base mesh's vertex numbers, ``raw_mirror`` (19158,) its mirror table.
    """
    row = np.full(len(base.vertices), -1)
    row[raw] = np.arange(len(raw))
    mirror = row[raw_mirror[raw]]
    quads, texture, label = _labelled_quads(base, row)
    triangles, corners = triangulate(quads, texture, raw_mean, mirror)
    label = np.tile(label, 2)
    left_eye, right_eye = (np.sort(row[base.groups[name].vertex_ids]) for name in EYE_HELPERS)
    middle = (raw_mean[left_eye].mean(0) + raw_mean[right_eye].mean(0)) / 2
    clipped = clip_triangles(triangles, corners, (raw_mean - middle - NECK_FROM_EYES) @ NECK_NORMAL, base.uv)
    label = label[clipped.source]
    keep = _with_face(clipped.faces, label)
    faces, texture, label = clipped.faces[keep], clipped.texture[keep], label[keep]

    used, faces = np.unique(faces, return_inverse=True)
    faces = faces.reshape(-1, 3)
    edge, edge_t = clipped.edge[used], clipped.edge_t[used]
    solid_mirror = _edge_mirror(edge, edge_t, mirror)
    # The head's faces last: where charts meet, `FlameAssets.vertex_uv` then gives the head's own.
    order = np.argsort(label == LABELS.index("head"), kind="stable")
    faces, texture, label = faces[order], texture[order], label[order]
    _, sphere, chart = eyes.unit_sphere()
    n, rows = len(edge), len(clipped.atlas)
    eye_mirror = eyes.mirror_index()
    return Topology(
        raw=raw,
        edge=edge,
        edge_t=edge_t,
        left_eye_raw=left_eye,
        right_eye_raw=right_eye,
        faces=np.concatenate([sphere + n, sphere + n + eyes.N_VERTICES, faces]),
        face_label=np.concatenate(
            [np.repeat([LABELS.index("left_eye"), LABELS.index("right_eye")], len(sphere)), label]
        ),
        texture=np.concatenate([sphere + rows, sphere + rows + eyes.N_VERTICES, texture]),
        atlas=np.concatenate([clipped.atlas, chart, chart]),
        mirror=np.concatenate([solid_mirror, eye_mirror + n + eyes.N_VERTICES, eye_mirror + n]),
    )


def _labelled_quads(base: BaseMesh, row: Array) -> tuple[Array, Array, Array]:
    """Quads over rows of raw, their texture rows and labels."""
    body = base.groups["body"]
    islands = uv_islands(body.texture, len(base.uv))
    centre = base.vertices[body.vertices].mean(1)
    inside = (row[body.vertices] >= 0).all(1)
    quads, texture, labels = [], [], []
    for island in np.unique(islands):
        member = islands == island
        name = _island_label(centre[member])
        member &= inside
        if name is None or not member.any():
            continue
        quads.append(row[body.vertices[member]])
        texture.append(body.texture[member])
        labels.append(np.full(member.sum(), LABELS.index(name)))
    for name, helper in HELPERS.items():
        group = base.groups[helper]
        quads.append(row[group.vertices])
        texture.append(group.texture)
        labels.append(np.full(len(group.vertices), LABELS.index(name)))
    return np.concatenate(quads), np.concatenate(texture), np.concatenate(labels)


def _island_label(centre: Array) -> str | None:
    """What a UV island of the body is, by where its quads lie."""
    low, high, middle = centre.min(0), centre.max(0), centre.mean(0)
    if low[1] > 0.5:
        if high[1] > 0.8:
            return "head"
        if abs(middle[0]) < 0.005:
            return "mouth_cavity"
        return "left_socket" if middle[0] > 0 else "right_socket"
    return "neck" if high[1] > 0.5 and low[0] < 0 < high[0] else None


def uv_islands(texture: Array, n_rows: int) -> Array:
    """(Q,) the connected component of each quad in the texture atlas."""
    first, second = texture.reshape(-1), np.roll(texture, -1, 1).reshape(-1)
    graph = sparse.coo_matrix((np.ones(len(first)), (first, second)), shape=(n_rows, n_rows))
    return csgraph.connected_components(graph, directed=False)[1][texture[:, 0]]


def triangulate(quads: Array, texture: Array, positions: Array, mirror: Array) -> tuple[Array, Array]:
    """Split (Q, 4) quads along the shorter diagonal, the same on both sides of the head.

    Returns (2Q, 3) vertices and (2Q, 3) texture rows; the second halves of all quads follow the first halves.
    """
    length = np.linalg.norm(positions[quads[:, :2]] - positions[quads[:, 2:]], axis=-1)  # (Q, 2)
    # A tie is decided by a number both sides share.
    shared = np.minimum(quads, mirror[quads]).reshape(-1, 2, 2).min(1)
    tie = np.abs(length[:, 0] - length[:, 1]) < 1e-7
    second = np.where(tie, shared[:, 1] < shared[:, 0], length[:, 1] < length[:, 0])[:, None]
    parts = [np.where(second, [[0, 1, 3]], [[0, 1, 2]]), np.where(second, [[1, 2, 3]], [[0, 2, 3]])]
    return (
        np.concatenate([np.take_along_axis(quads, part, 1) for part in parts]),
        np.concatenate([np.take_along_axis(texture, part, 1) for part in parts]),
    )


def _with_face(faces: Array, label: Array) -> Array:
    """(F,) bool: drop skin that the clip left unconnected with the head."""
    n = faces.max() + 1
    first, second = faces.reshape(-1), np.roll(faces, -1, 1).reshape(-1)
    graph = sparse.coo_matrix((np.ones(len(first)), (first, second)), shape=(n, n))
    part = csgraph.connected_components(graph, directed=False)[1][faces[:, 0]]
    return np.isin(part, np.unique(part[label != LABELS.index("neck")]))


def _edge_mirror(edge: Array, edge_t: Array, mirror: Array) -> Array:
    """Mirror table of the solid vertices, each a point on an edge of base vertices."""

    def key(pair: tuple[int, int], t: float) -> tuple[int, int, float]:
        a, b = pair
        return (a, b, round(t, 6)) if a <= b else (b, a, round(1 - t, 6))

    where = {key((a, b), t): i for i, ((a, b), t) in enumerate(zip(edge.tolist(), edge_t.tolist(), strict=True))}
    other = mirror[edge].tolist()
    return np.array([where[key((a, b), t)] for (a, b), t in zip(other, edge_t.tolist(), strict=True)])
