"""All ways a picture or a head is cut into parts.

`Part` is what a pixel shows. `SURFACES` is what the vertices of a head are made of, for drawing. `FACE_PARTS` are
eleven parts that any head of FLAME's kind can be cut into, by where its landmarks are: region masks differ from file to
file, no file has brows, and figures by part need names that all heads have.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import torch
from torch import Tensor

from shared.flame.landmarks import (
    IBUG68,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_LIDS,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_LIDS,
)
from shared.flame.schema import FlameAssets


class Part(IntEnum):
    """What a pixel shows. SKIN to BROWS are always the head itself, NECK is the head's or the body's skin below it."""

    BACKGROUND = 0
    SKIN = 1
    EYES = 2
    MOUTH = 3  # teeth, tongue, cavity; lips are skin
    BROWS = 4
    HAIR = 5  # also beards
    NECK = 6
    CLOTH = 7
    OCCLUDER = 8


SURFACES = ("skin", "lips", "eyes", "teeth", "tongue", "cavity")
# Regions that make each part, under the names of FLAME and of the open head; those a head lacks are skin.
_REGIONS: Mapping[str, tuple[str, ...]] = {
    "lips": ("lips",),
    "eyes": ("left_eye", "right_eye"),
    "teeth": ("teeth", "upper_teeth", "lower_teeth"),
    "tongue": ("tongue",),
    "cavity": ("mouth_interior", "sockets"),
}
FACE_PARTS = (
    "left_eye", "right_eye", "left_brow", "right_brow", "nose", "mouth",
    "forehead", "left_cheek", "right_cheek", "chin", "rest",
)  # fmt: skip
# A vertex belongs to the nearest of these groups of landmarks, if it is as near to it as its reach in metres.
_AROUND = (
    (LEFT_LIDS, 0.013),
    (RIGHT_LIDS, 0.013),
    (LEFT_BROW, 0.008),
    (RIGHT_BROW, 0.008),
    (IBUG68[27:36], 0.014),
    (INNER_LIPS + OUTER_LIPS, 0.008),
)
_FACE_DEPTH_M = 0.03  # behind the outer eye corners the face ends, on heads whose files do not say where it does
_REST = len(FACE_PARTS) - 1


def face_parts(assets: FlameAssets, known: Tensor, places_m: Tensor) -> Tensor:
    """(V,) int64: the place in `FACE_PARTS` of every vertex.

    Args:
        assets: the head, on the CPU.
        known: (P,) int64, which of MediaPipe's landmarks there are.
        places_m: (P, 3) where they are on the template.
    """
    verts = assets.v_template
    groups = [places_m[torch.isin(known, torch.tensor(indices))] for indices, _ in _AROUND]
    reach = torch.tensor([reach for _, reach in _AROUND])
    distance = torch.stack([torch.cdist(verts, group).amin(1) for group in groups], 1)  # (V, 6)
    nearest = distance.argmin(1)
    eyes, brows, mouth = torch.cat(groups[:2]), torch.cat(groups[2:4]), groups[5]
    face = assets.regions.get("face")
    if face is None:
        face = verts[:, 2] > eyes[:, 2].min() - _FACE_DEPTH_M
    part = torch.where(verts[:, 0] > 0, FACE_PARTS.index("left_cheek"), FACE_PARTS.index("right_cheek"))
    part[verts[:, 1] > brows[:, 1].mean()] = FACE_PARTS.index("forehead")
    part[verts[:, 1] < mouth[:, 1].min()] = FACE_PARTS.index("chin")
    part[~face] = _REST
    return torch.where(distance.gather(1, nearest[:, None])[:, 0] < reach[nearest], nearest, part)


def surface_of_vertex(assets: FlameAssets) -> Tensor:
    """(V,) int64, row of ``SURFACES``."""
    part = torch.zeros(assets.n_vertices, dtype=torch.int64)
    for index, name in enumerate(SURFACES):
        for region in _REGIONS.get(name, ()):
            # Where a cavity meets the lips they share vertices, which belong to the lips.
            if region in assets.regions:
                part[assets.regions[region] & (part == 0)] = index
    return part
