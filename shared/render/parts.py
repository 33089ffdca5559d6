"""What the vertices of a head are made of, for drawing: skin, lips, eyes, teeth, tongue, the inside of the mouth."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from shared.flame.schema import FlameAssets

PARTS = ("skin", "lips", "eyes", "teeth", "tongue", "cavity")
# Regions that make each part, under the names of FLAME and of the open head; those a head lacks are skin.
_REGIONS: Mapping[str, tuple[str, ...]] = {
    "lips": ("lips",),
    "eyes": ("left_eye", "right_eye"),
    "teeth": ("teeth", "upper_teeth", "lower_teeth"),
    "tongue": ("tongue",),
    "cavity": ("mouth_interior", "sockets"),
}
# Cosine of the angle between a point of the eyeball and its axis, seen from the centre: a 12 mm iris and a 4 mm pupil
# on a 24 mm eye.
IRIS_COSINE, PUPIL_COSINE = 0.866, 0.986


def part_of_vertex(assets: FlameAssets) -> Tensor:
    """(V,) int64, row of ``PARTS``."""
    part = torch.zeros(assets.n_vertices, dtype=torch.int64)
    for index, name in enumerate(PARTS):
        for region in _REGIONS.get(name, ()):
            # Where a cavity meets the lips they share vertices, which belong to the lips.
            if region in assets.regions:
                part[assets.regions[region] & (part == 0)] = index
    return part


def eye_axis_cosine(assets: FlameAssets) -> Tensor:
    """(V,) cosine of the angle to the eyeball's forward axis in the rest pose; -1 on everything else.

    It turns with the eyeball when interpolated over the posed mesh, so irises follow the gaze.
    """
    cosine = torch.full((assets.n_vertices,), -1.0)
    for name in ("left_eye", "right_eye"):
        if name not in assets.regions:
            continue
        ball = assets.regions[name]
        points = assets.v_template[ball]
        center = (points.amin(0) + points.amax(0)) / 2
        cosine[ball] = torch.nn.functional.normalize(points - center, dim=-1)[:, 2]
    return cosine
