"""Per-vertex region masks."""

from __future__ import annotations

import numpy as np

from shared.flame.landmarks import FACE_OVAL
from shared.flame.open_head.landmarks import Embedding
from shared.flame.open_head.loops import HeadLoops
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.topology import Topology
from shared.flame.open_head.uv import Layout

# Outlines by MediaPipe landmarks, drawn in the head's chart.
FOREHEAD = (162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 389)  # the upper part of FACE_OVAL
FOREHEAD_RISE = 0.035  # metres; MediaPipe's oval ends below the hairline
NOSE = (168, 193, 245, 188, 217, 198, 209, 129, 98, 97, 2, 326, 327, 358, 429, 420, 437, 412, 465, 417)
RIGHT_LID_SKIN = (226, 247, 30, 29, 27, 28, 56, 190, 243, 112, 26, 22, 23, 24, 110, 25)
LEFT_LID_SKIN = (446, 467, 260, 259, 257, 258, 286, 414, 463, 341, 256, 252, 253, 254, 339, 255)


def inside_polygon(points: Array, corners: Array) -> Array:
    """(N,) bool: points (N, 2) inside a closed polygon (M, 2), by crossing count."""
    x, y = points[:, :1], points[:, 1:]
    start, stop = corners, np.roll(corners, -1, 0)
    crosses = (start[:, 1] > y) != (stop[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = start[:, 0] + (y - start[:, 1]) / (stop[:, 1] - start[:, 1]) * (stop[:, 0] - start[:, 0])
    return (crosses & (x < at)).sum(1) % 2 == 1


class Chart:
    """The head's chart: UV of skin vertices (the lower one at the seam) and of landmarks."""

    def __init__(self, topology: Topology, layout: Layout) -> None:
        self.uv = np.full((topology.n_vertices, 2), np.nan)
        member = topology.face_label == 0
        self.uv[topology.faces[member].reshape(-1)] = layout.uv[layout.faces[member].reshape(-1)]
        self.skin = topology.label_mask("head")
        self._topology, self._layout = topology, layout

    def landmarks(self, embedding: Embedding, index: tuple[int, ...]) -> Array:
        """(N, 2)."""
        rows = embedding.rows(np.array(index))
        return np.einsum("lc,lck->lk", rows.barycentric, self._layout.uv[self._layout.faces[rows.face_index]])

    def inside(self, corners: Array) -> Array:
        """(V,) bool: skin inside an outline (M, 2), symmetrised."""
        out = np.zeros(len(self.uv), bool)
        out[self.skin] = inside_polygon(self.uv[self.skin], corners)
        return out | out[self._topology.mirror]


def build_regions(
    topology: Topology,
    template: Array,
    loops: HeadLoops,
    layout: Layout,
    embedding: Embedding,
    painted: dict[str, Array],
) -> dict[str, Array]:
    """(V,) bool masks. ``painted``: "ears", "lips", "eyelids"; ``embedding`` holds MediaPipe's landmarks."""
    ears = painted["ears"]
    chart = Chart(topology, layout)
    skin = topology.label_mask("head", "neck")
    left = template[:, 0] > 0
    lip_line = np.union1d(loops.lips.upper, loops.lips.lower)
    rims = {side: lid.rim for side, lid in (("left", loops.left_lid), ("right", loops.right_lid))}

    eyes = {side: topology.label_mask(f"{side}_eye") for side in ("left", "right")}
    lids = {
        "left": (painted["eyelids"] | chart.inside(chart.landmarks(embedding, LEFT_LID_SKIN))) & left,
        "right": (painted["eyelids"] | chart.inside(chart.landmarks(embedding, RIGHT_LID_SKIN))) & ~left,
    }
    for side, rim in rims.items():
        lids[side][rim] = True
    lip_mask = painted["lips"].copy()
    lip_mask[lip_line] = True

    face = face_mask(topology, template, chart, embedding) & ~ears
    face |= lids["left"] | lids["right"] | lip_mask
    ear_bottom = template[ears, 1].min()
    neck = skin & ~face & ~ears & (template[:, 1] < ear_bottom)
    neck |= topology.label_mask("neck") & ~face & ~ears
    cavity = topology.label_mask("mouth_cavity", "tongue", "upper_teeth", "lower_teeth")
    cavity[lip_line] = False
    sockets = topology.label_mask("left_socket", "right_socket") & ~skin
    return {
        "face": face,
        "scalp": skin & ~face & ~ears & ~neck,
        "left_ear": ears & left,
        "right_ear": ears & ~left,
        "ears": ears,
        "neck": neck,
        "left_eye": eyes["left"],
        "right_eye": eyes["right"],
        "eyes": eyes["left"] | eyes["right"],
        "mouth_interior": cavity,
        "teeth": topology.label_mask("upper_teeth", "lower_teeth"),
        "tongue": topology.label_mask("tongue"),
        "lips": lip_mask,
        "left_lids": lids["left"],
        "right_lids": lids["right"],
        "lids": lids["left"] | lids["right"],
        "nose": chart.inside(chart.landmarks(embedding, NOSE)),
        "sockets": sockets,
    }


def face_mask(topology: Topology, template: Array, chart: Chart, embedding: Embedding) -> Array:
    """(V,) bool: inside MediaPipe's oval, its forehead raised to the hairline."""
    corners = chart.landmarks(embedding, FACE_OVAL)
    forehead = [FACE_OVAL.index(index) for index in FOREHEAD]
    skin = np.flatnonzero(chart.skin & (np.abs(template[:, 0]) < 1e-3) & (template[:, 2] > 0.03))
    per_metre = -np.polyfit(template[skin, 1], chart.uv[skin, 1], 1)[0]
    middle = corners.mean(0)
    # Most at the centre, none at the temples.
    across = np.abs(corners[forehead, 0] - middle[0])
    corners[forehead, 1] -= FOREHEAD_RISE * per_metre * np.sqrt(np.maximum(1 - (across / across.max()) ** 2, 0))
    return chart.inside(corners)
