"""What is around a head: a background, and the light that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.synthetic.scene.lighting import Lighting
from shared.synthetic.surroundings.backgrounds import BACKGROUNDS, draw_background, draw_kind
from shared.synthetic.surroundings.exposure import bright_side, draw_lighting, expose_background
from shared.synthetic.surroundings.lights import draw_light_kind, draw_plan
from shared.synthetic.surroundings.pictures import PictureFolder

PICTURE = "picture"  # the kind of a background from the user's folder
_PICTURE_SHARE = 0.5
_PICTURE_PLACES = ("indoors", "outdoors", "studio")


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Background and light of one portrait."""

    picture: np.ndarray  # (H, W, 3) float32 linear radiance
    lighting: Lighting
    background: str  # one of `BACKGROUNDS`, or `PICTURE`
    light: str  # one of `LIGHTS`


class SurroundingsMaker:
    """Draws surroundings; a draw depends on the generator alone, not on earlier draws.

    Args:
        pictures: a folder that half of the backgrounds are taken from; all are painted without it.

    Raises:
        InputError, ValueError: the folder is missing, or has no picture.
    """

    def __init__(self, pictures: Path | None) -> None:
        self._pictures = PictureFolder(pictures) if pictures else None

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> Surroundings:
        """Surroundings for a picture of (height, width) pixels."""
        background, kind, place = self._background(rng, size)
        light = draw_light_kind(rng, place)
        plan = draw_plan(rng, light, bright_side(rng, background))
        background = expose_background(rng, background, plan)
        return Surroundings(background, draw_lighting(rng, plan, background), kind, light)

    def _background(self, rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, str, str]:
        """Background, its kind, and the kind of place it shows."""
        if self._pictures is not None and rng.random() < _PICTURE_SHARE:
            picture = self._pictures.draw(rng, size)
            if picture is not None:
                return picture, PICTURE, _PICTURE_PLACES[rng.integers(len(_PICTURE_PLACES))]
        kind = draw_kind(rng)
        return draw_background(rng, kind, size), kind, BACKGROUNDS[kind].place
