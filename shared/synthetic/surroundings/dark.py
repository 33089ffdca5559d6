"""Night streets, fairy lights, stages and dark rooms."""

from __future__ import annotations

import math

import cv2
import numpy as np

from shared.synthetic.surroundings.canvas import box, clouds, disc, glow, pick, plain, polygon, ramp, srgb

_NIGHT = srgb((22, 24, 34), (34, 30, 32), (14, 14, 18), (40, 40, 52), (28, 22, 20))
_LIGHTS = srgb((255, 190, 110), (255, 214, 160), (255, 240, 220), (210, 226, 255), (255, 150, 70), (255, 70, 50),
               (90, 220, 140))  # fmt: skip
_STAGE = srgb((60, 60, 255), (200, 40, 255), (255, 40, 90), (40, 200, 255), (255, 170, 60), (255, 255, 255),
              (50, 255, 140))  # fmt: skip


def night(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A street at night: lamps, signs, lit windows and their reflections."""
    width = size[1] / size[0]
    canvas = plain(size, pick(rng, _NIGHT, 0.4))
    x = rng.uniform(-0.3, 0)
    while x < width:
        wide, top = rng.uniform(0.2, 0.6), rng.uniform(-0.1, 0.4)
        box(canvas, x, top, x + wide, 0.8, pick(rng, _NIGHT, 0.5) * 1.5)
        x += wide
    for _ in range(rng.integers(2, 14)):
        x, y, tall = rng.uniform(0, width), rng.uniform(0.1, 0.75), rng.uniform(0.03, 0.12)
        box(canvas, x, y, x + rng.uniform(0.03, 0.15), y + tall, pick(rng, _LIGHTS) * np.float32(rng.uniform(0.1, 0.8)))
    canvas += pick(rng, _LIGHTS) * np.float32(0.05) * glow(size, rng.uniform(0, width), 0.7, 0.4)
    _points(canvas, rng, int(rng.integers(8, 60)), 30)
    return canvas


def lights(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Many small lights of few colours: a string of bulbs, a tree, a city far away."""
    canvas = plain(size, pick(rng, _NIGHT, 0.5) * np.float32(rng.uniform(0.6, 3)))
    canvas *= np.exp(np.float32(0.5) * clouds(rng, size, 1.5, 2))
    _points(canvas, rng, int(rng.integers(30, 150)), 20)
    return canvas


def stage(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Beams of coloured light in haze."""
    width = size[1] / size[0]
    canvas = plain(size, pick(rng, _NIGHT, 0.4) * np.float32(0.5))
    palette = _STAGE[rng.choice(len(_STAGE), 2, replace=False)]
    beams = np.zeros_like(canvas)
    for _ in range(rng.integers(1, 6)):
        colour = pick(rng, palette) * np.float32(rng.uniform(0.1, 0.5))
        x, spread, lean = rng.uniform(-0.1, 1.1) * width, rng.uniform(0.08, 0.3), rng.normal(0, 0.4)
        layer = np.zeros_like(canvas)
        polygon(layer, [(x - 0.01, 0), (x + 0.01, 0), (x + lean + spread, 1.1), (x + lean - spread, 1.1)], colour)
        beams += layer
        disc(beams, x, 0.01, 0.025, colour * 20)
    deviation = 0.022 * size[0]
    canvas += cv2.GaussianBlur(beams, (0, 0), deviation) * (1.1 - 0.4 * ramp(size, math.pi / 2))
    haze = 1 + 0.4 * clouds(rng, size, 2, 3)
    canvas += (
        pick(rng, palette)
        * np.float32(rng.uniform(0.02, 0.2))
        * np.clip(haze, 0, 3)
        * glow(size, rng.uniform(0, width), rng.uniform(-0.2, 0.8), 0.5)
    )
    if rng.random() < 0.4:
        _points(canvas, rng, int(rng.integers(4, 30)), 10, palette)
    return canvas.astype(np.float32)


def dark_room(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Nearly black, with a little light on one side, a screen or a door ajar."""
    width = size[1] / size[0]
    canvas = plain(size, pick(rng, _NIGHT, 0.5))
    canvas *= np.exp(np.float32(rng.uniform(0.2, 0.9)) * ramp(size, rng.uniform(-math.pi, math.pi)))
    canvas *= np.exp(np.float32(0.1) * clouds(rng, size, 3, 3))
    if rng.random() < 0.5:
        x, y, wide = rng.uniform(0, width), rng.uniform(0.1, 0.8), rng.uniform(0.02, 0.3)
        light = pick(rng, _LIGHTS[:4]) * np.float32(rng.uniform(0.1, 0.8))
        canvas += light * np.float32(0.15) * glow(size, x, y, 0.25)
        box(canvas, x - wide / 2, y - rng.uniform(0.05, 0.4), x + wide / 2, y + rng.uniform(0.05, 0.6), light)
    return canvas


def _points(
    canvas: np.ndarray, rng: np.random.Generator, count: int, brightest: float, palette: np.ndarray = _LIGHTS
) -> None:
    """Small sources, most of one or two colours, gathered in a band."""
    width = canvas.shape[1] / canvas.shape[0]
    few = palette[rng.choice(len(palette), 2)]
    middle, spread = rng.uniform(0.1, 0.8), rng.uniform(0.1, 0.5)
    for _ in range(count):
        colour = pick(rng, few if rng.random() < 0.8 else palette) * np.float32(brightest ** rng.uniform(0.2, 1))
        disc(canvas, rng.uniform(0, width), rng.normal(middle, spread), rng.uniform(0.004, 0.014), colour)
