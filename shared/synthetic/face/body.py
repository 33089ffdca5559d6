"""Skin of the body: the tone that the head's neck fades to at its edge, so that no seam shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.synthetic.face.look import SkinLook
from shared.synthetic.face.noise import NoiseTile
from shared.synthetic.face.tones import base_tone, pigment_directions
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import Hits, Shading

EDGE_OCCLUSION = 0.9  # where head and body meet


@dataclass(frozen=True, eq=False)
class PlainSkin:
    """Skin without a face."""

    blotches: NoiseTile
    look: SkinLook
    log_tone: Tensor  # (3,)
    pigments: Tensor  # (2, 3)
    wrap: tuple[float, float, float]

    @staticmethod
    def of(blotches: NoiseTile, look: SkinLook, traits: Traits) -> PlainSkin:
        """The skin of a person."""
        new = blotches.planes.new_tensor
        log_tone = new(np.log(plain_tone(look, traits)))
        return PlainSkin(blotches, look, log_tone, new(pigment_directions(traits.melanin)), leak(traits))

    def __call__(self, hits: Hits) -> Shading:
        """Shade P places."""
        look = self.look
        x, y = hits.position_m[:, 0] / look.blotches.size_m, hits.position_m[:, 1] / look.blotches.size_m
        blotch = self.blotches.at(x, y)
        amounts = torch.stack([look.mottle_melanin * blotch[0], look.mottle_blood * blotch[1]])
        albedo = torch.addmm(self.log_tone[:, None], self.pigments.T, amounts, alpha=-1).exp_().clamp_(0, 1)
        return Shading(
            albedo.T.contiguous(),
            specular=skin_reflectance(look),
            roughness=0.56 - 0.12 * look.oil,
            occlusion=EDGE_OCCLUSION,
            wrap=self.wrap,
        )


def plain_tone(look: SkinLook, traits: Traits) -> np.ndarray:
    """(3,) linear albedo of skin without redness, spots or make-up."""
    return base_tone(traits.melanin, look.warmth, look.blood)


def skin_reflectance(look: SkinLook) -> float:
    """Reflectance seen straight on."""
    return 0.024 + 0.010 * look.oil


def leak(traits: Traits) -> tuple[float, float, float]:
    """`Shading.wrap` of skin: melanin swallows the light that spreads below the surface."""
    softness = 1 - 0.6 * traits.melanin
    return 0.25 * softness, 0.10 * softness, 0.06 * softness
