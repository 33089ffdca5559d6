"""What the parts of one person's look have in common, so that hair, brows and skin belong to the same person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.synthetic.scene.colour import srgb_to_linear

# sRGB of hair, from black to fair, red and grey.
_HAIR = ((18, 14, 13), (34, 24, 19), (58, 38, 26), (96, 64, 40), (142, 102, 62), (190, 152, 104), (124, 56, 28))
_GREY = (158, 156, 152)
_DYED = ((150, 40, 60), (60, 80, 150), (60, 130, 110), (210, 140, 170))


@dataclass(frozen=True)
class Traits:
    """Drawn first; every part of the look follows them."""

    melanin: float  # 0 the lightest human skin, 1 the darkest
    age: float  # 0 a young adult, 1 old
    presentation: float  # 0 feminine, 1 masculine: make-up, beard, hair length
    hair_rgb: tuple[float, float, float]  # linear
    beard: float  # 0 shaven, to 0.35 stubble, above that growing to a full beard at 1

    @staticmethod
    def draw(rng: np.random.Generator) -> Traits:
        """One person. Skin tone is uniform over the whole range, not as in any one population."""
        melanin, age, presentation = rng.random(), rng.random() ** 1.3, rng.random()
        beard = 0.0
        if presentation > 0.45 and rng.random() < 0.65:
            beard = float(rng.uniform(0.05, 0.35) if rng.random() < 0.55 else rng.uniform(0.4, 1.0))
        return Traits(float(melanin), float(age), float(presentation), _hair_colour(rng, melanin, age), beard)


def _hair_colour(rng: np.random.Generator, melanin: float, age: float) -> tuple[float, float, float]:
    """Fair and red hair are rare on dark skin; grey comes with age; a few are dyed."""
    reach = len(_HAIR) if melanin < 0.35 else 4 if melanin < 0.6 else 3
    colour = np.array(_HAIR[rng.integers(reach)], float)
    grey = np.clip(rng.normal(1.6 * age - 0.7, 0.25), 0, 1)
    colour = (1 - grey) * colour + grey * np.array(_GREY)
    if rng.random() < 0.04:
        colour = np.array(_DYED[rng.integers(len(_DYED))], float)
    linear = srgb_to_linear(colour / 255) * rng.uniform(0.8, 1.25)
    red, green, blue = np.clip(linear, 0.003, 0.7).tolist()
    return red, green, blue
