"""What both ways of lighting need: the lamps of a scene with their shadows, and the constants of the shading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.synthetic.scene.lighting import Lighting
from shared.synthetic.scene.scene import Scene
from shared.synthetic.scene.shadows import ShadowMaps

MIN_ROUGHNESS = 0.06  # a sharper highlight than this is a firefly at these resolutions
# Skin's shadows are red: the power of the occlusion by colour.
BLEED = (0.85, 1.1, 1.2)
# Hair: how far its white and its tinted lobe lean along the strand, how sharp and how strong they are.
LEAN, SHARP, STRONG = (-0.08, 0.16), (90.0, 22.0), (0.05, 0.45)


@dataclass(frozen=True, eq=False)
class Lamps:
    """The light of one scene, ready for its points."""

    surround: Tensor  # (9, 3)
    direction: Tensor  # (L, 3) unit, towards each lamp, world
    rgb: Tensor  # (L, 3) radiance of a white surface that faces it
    shadows: ShadowMaps

    @staticmethod
    def of(lighting: Lighting, scene: Scene, centre_m: Tensor) -> Lamps:
        """Draws the shadow maps about a centre (3,), world."""
        like = scene.verts_m
        return Lamps(
            like.new_tensor(lighting.surround),
            like.new_tensor(np.array([lamp.direction for lamp in lighting.lamps])).reshape(-1, 3),
            like.new_tensor(np.array([lamp.rgb for lamp in lighting.lamps])).reshape(-1, 3),
            ShadowMaps.of(lighting.lamps, scene, centre_m),
        )


def column(value: Tensor | float, like: Tensor) -> Tensor:
    """(P) of a number or a tensor."""
    return value if isinstance(value, Tensor) else torch.full_like(like, value)
