"""Texture coordinates: MakeHuman's charts laid out anew, the head's chart upright and mirror-symmetric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.topology import LABELS, Topology

MARGIN = 0.004
# Left, top, right, bottom of each chart in the texture; origin at the top left.
RECTANGLES = {
    "head": (0.0, 0.0, 1.0, 0.71),
    "neck": (0.0, 0.72, 0.42, 1.0),
    "mouth_cavity": (0.43, 0.86, 0.60, 1.0),
    "tongue": (0.43, 0.72, 0.51, 0.85),
    "upper_teeth": (0.52, 0.79, 0.60, 0.85),
    "lower_teeth": (0.52, 0.72, 0.60, 0.78),
    "left_eye": (0.61, 0.72, 0.74, 0.85),
    "right_eye": (0.61, 0.87, 0.74, 1.0),
    "right_socket": (0.76, 0.87, 0.87, 1.0),
    "left_socket": (0.76, 0.72, 0.87, 0.85),
}
ATLAS_LABELS = ("head", "neck", "mouth_cavity", "right_socket", "left_socket")  # in MakeHuman's body atlas


@dataclass(frozen=True)
class Layout:
    """Charts of the head."""

    uv: Array  # (T, 2) in [0, 1], origin top left
    faces: Array  # (F, 3) rows of uv
    atlas: Array  # (T, 2) MakeHuman's body atlas, origin top left; -1 where the atlas has no such part


def lay_out(topology: Topology) -> Layout:
    """Scale each label's charts into its rectangle."""
    uv, atlas = [], []
    faces = np.zeros_like(topology.texture)
    offset = 0
    for index, label in enumerate(LABELS):
        member = topology.face_label == index
        rows, local = np.unique(topology.texture[member], return_inverse=True)
        local = local.reshape(-1, 3)
        source = topology.atlas[rows]
        chart = source * [1, -1]  # v down
        if label == "head":
            chart = _upright_symmetric(topology, member, local, source)
        low, high = chart.min(0), chart.max(0)
        box = np.array(RECTANGLES[label])
        start, size = box[:2] + MARGIN, box[2:] - box[:2] - 2 * MARGIN
        uv.append(start + (chart - low) / (high - low) * size)
        known = label in ATLAS_LABELS
        atlas.append(np.stack([source[:, 0], 1 - source[:, 1]], 1) if known else np.full_like(source, -1))
        faces[member] = local + offset
        offset += len(rows)
    return Layout(np.concatenate(uv), faces, np.concatenate(atlas))


def _upright_symmetric(topology: Topology, member: Array, local: Array, source: Array) -> Array:
    """The head's chart lies on its side in the atlas: turn it, then average it with its mirror image."""
    chart = np.stack([source[:, 1], source[:, 0]], 1)  # (left-right, down)
    partner = _mirror_rows(topology.faces[member], local, topology.mirror, len(source))
    axis = (chart[:, 0] + chart[partner, 0])[partner != np.arange(len(source))].mean()
    reflected = np.stack([axis - chart[partner, 0], chart[partner, 1]], 1)
    return (chart + reflected) / 2


def _mirror_rows(faces: Array, rows: Array, mirror: Array, n_rows: int) -> Array:
    """(T,) the texture row at the mirrored corner of the mirrored face; itself where a face has no mirror image."""
    corner: dict[tuple[tuple[int, ...], int], int] = {}
    for face, row in zip(faces.tolist(), rows.tolist(), strict=True):
        key = tuple(sorted(face))
        for vertex, one in zip(face, row, strict=True):
            corner[key, vertex] = one
    out = np.arange(n_rows)
    for face, row in zip(mirror[faces].tolist(), rows.tolist(), strict=True):
        key = tuple(sorted(face))
        for vertex, one in zip(face, row, strict=True):
            out[one] = corner.get((key, vertex), out[one])
    return out
