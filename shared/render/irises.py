"""Where iris and pupil are on an eyeball, for drawing."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.flame.schema import FlameAssets

# Cosine of the angle between a point of the eyeball and its axis, seen from the centre: a 12 mm iris and a 4 mm pupil
# on a 24 mm eye.
IRIS_COSINE, PUPIL_COSINE = 0.866, 0.986


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
