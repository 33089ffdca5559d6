"""Backgrounds of all kinds, out of focus as behind a portrait."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from shared.synthetic.surroundings.backdrop import noise, pattern, plain_colour, studio
from shared.synthetic.surroundings.canvas import Painter, through_lens, tilted
from shared.synthetic.surroundings.dark import dark_room, lights, night, stage
from shared.synthetic.surroundings.indoor import office, room
from shared.synthetic.surroundings.outdoor import foliage, open_land, street


@dataclass(frozen=True)
class BackgroundKind:
    """One way to make a background."""

    painter: Painter
    place: str  # "indoors", "outdoors", "studio" or "dark": which light is common there
    share: float  # of all backgrounds
    tilts: bool  # whether the camera's roll and turn show
    blur: tuple[float, float]  # median and log deviation of the blur's radius, in heights of the picture


BACKGROUNDS = {
    "room": BackgroundKind(room, "indoors", 0.26, True, (0.014, 0.7)),
    "office": BackgroundKind(office, "indoors", 0.06, True, (0.018, 0.6)),
    "foliage": BackgroundKind(foliage, "outdoors", 0.12, False, (0.02, 0.6)),
    "street": BackgroundKind(street, "outdoors", 0.11, True, (0.018, 0.6)),
    "open land": BackgroundKind(open_land, "outdoors", 0.07, True, (0.014, 0.7)),
    "studio": BackgroundKind(studio, "studio", 0.11, False, (0.006, 0.7)),
    "plain": BackgroundKind(plain_colour, "studio", 0.05, False, (0.003, 0.5)),
    "noise": BackgroundKind(noise, "studio", 0.03, False, (0.006, 0.9)),
    "pattern": BackgroundKind(pattern, "indoors", 0.06, True, (0.007, 0.7)),
    "night": BackgroundKind(night, "dark", 0.04, True, (0.025, 0.5)),
    "lights": BackgroundKind(lights, "dark", 0.03, False, (0.03, 0.5)),
    "stage": BackgroundKind(stage, "dark", 0.03, False, (0.015, 0.6)),
    "dark room": BackgroundKind(dark_room, "dark", 0.03, False, (0.015, 0.6)),
}
_SHARPEST, _SOFTEST = 0.0015, 0.09


def draw_kind(rng: np.random.Generator) -> str:
    """The name of one of `BACKGROUNDS`."""
    shares = np.array([kind.share for kind in BACKGROUNDS.values()])
    return tuple(BACKGROUNDS)[rng.choice(len(shares), p=shares / shares.sum())]


def draw_background(rng: np.random.Generator, kind: str, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) float32 linear: one background, white paper at 1."""
    made = BACKGROUNDS[kind]
    median, deviation = made.blur
    blur = float(np.clip(median * math.exp(rng.normal(0, deviation)), _SHARPEST, _SOFTEST))
    # A strong blur needs few pixels: the disc is kept at about three of them.
    height = min(size[0], max(48, round(3.2 / blur)))
    scene = made.painter(rng, (height, max(2, round(height * size[1] / size[0]))))
    if made.tilts:
        roll, turn = rng.normal(0, 0.05), (float(rng.normal(0, 0.18)), float(rng.normal(0, 0.06)))
        scene = tilted(scene, float(np.clip(roll, -0.15, 0.15)), (float(np.clip(turn[0], -0.4, 0.4)), turn[1]))
    scene = through_lens(scene, blur)
    if scene.shape[:2] == size:
        return np.maximum(scene, 0)
    return np.maximum(cv2.resize(scene, size[::-1], interpolation=cv2.INTER_LINEAR), 0)
