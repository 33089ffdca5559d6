"""What a photographer hangs behind a head, patterned walls, and meaningless colour for training."""

from __future__ import annotations

import math

import numpy as np

from shared.synthetic.surroundings.canvas import box, clouds, glow, pick, plain, ramp, shade, srgb

_PAPER = srgb(
    (120, 122, 124), (70, 72, 74), (190, 190, 190), (236, 236, 234), (36, 37, 40), (96, 106, 118), (120, 100, 84),
    (70, 82, 96), (148, 134, 116), (84, 66, 60), (60, 74, 66), (222, 214, 204), (20, 20, 22),
)  # fmt: skip
_PLAIN = np.concatenate([_PAPER, srgb((170, 60, 60), (60, 110, 160), (210, 180, 60), (70, 130, 90), (150, 110, 160),
                                      (230, 160, 130), (40, 160, 90), (250, 250, 250))])  # fmt: skip
_BRICKS = srgb((140, 74, 56), (164, 96, 70), (120, 84, 70), (188, 178, 166), (96, 92, 90), (206, 196, 184))
_PLANKS = srgb((150, 112, 74), (98, 66, 42), (190, 160, 120), (120, 116, 110), (66, 50, 40), (214, 206, 194))
_PRINTS = srgb((206, 196, 180), (150, 164, 170), (110, 122, 104), (190, 160, 150), (70, 80, 100), (226, 222, 214))


def studio(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Paper or canvas with a spot of light, often mottled."""
    width = size[1] / size[0]
    spot = glow(size, rng.normal(0.5, 0.2) * width, rng.uniform(0.2, 0.8), rng.uniform(0.35, 1.0))
    low = np.float32(rng.uniform(0.15, 0.8))
    canvas = pick(rng, _PAPER) * (low + (1 - low) * spot)
    if rng.random() < 0.45:
        mottle = clouds(rng, size, rng.uniform(1.5, 5), 4, 0.6)
        canvas = canvas * np.exp(np.float32(rng.uniform(0.05, 0.35)) * mottle)
    if rng.random() < 0.3:
        canvas = canvas * np.exp(np.float32(rng.normal(0, 0.4)) * ramp(size, rng.uniform(-math.pi, math.pi)))
    return canvas.astype(np.float32)


def plain_colour(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """One colour, or nearly."""
    canvas = plain(size, pick(rng, _PLAIN))
    if rng.random() < 0.6:
        canvas *= np.exp(np.float32(rng.normal(0, 0.12)) * ramp(size, rng.uniform(-math.pi, math.pi)))
    return canvas


def noise(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Colour without meaning, at several scales: so that a network doesn't lean on plausible backgrounds."""
    cells = math.exp(rng.uniform(math.log(1), math.log(24)))
    light = np.float32(rng.uniform(0.25, 0.7)) * clouds(rng, size, cells, 4, 0.7)
    canvas = pick(rng, _PLAIN) * np.exp(light)
    for channel in range(3):
        canvas[..., channel : channel + 1] *= np.exp(np.float32(0.22) * clouds(rng, size, cells * 0.6, 2))
    return canvas.astype(np.float32)


def pattern(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A wall of bricks, tiles, planks, stripes or printed paper, seen nearly straight on."""
    paint = (_bricks, _planks, _stripes, _dots)[rng.choice(4, p=[0.4, 0.25, 0.15, 0.2])]
    canvas = paint(rng, size)
    canvas *= np.exp(np.float32(0.08) * clouds(rng, size, 4, 4, 0.8))
    canvas *= np.exp(np.float32(abs(rng.normal(0, 0.4))) * ramp(size, rng.uniform(-math.pi, math.pi)))
    return canvas


def _bricks(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Bricks, or square tiles."""
    width = size[1] / size[0]
    tiles = rng.random() < 0.35
    tall = rng.uniform(0.1, 0.25) if tiles else rng.uniform(0.035, 0.09)
    wide = tall if tiles else tall * rng.uniform(2.2, 3.2)
    colour = pick(rng, _PRINTS if tiles else _BRICKS)[None]
    variety = rng.uniform(0.02, 0.1) if tiles else rng.uniform(0.08, 0.3)
    canvas = plain(size, colour[0] * np.float32(rng.choice([0.5, 1.4])))
    joint = 0.06 * tall
    for row, y in enumerate(np.arange(-0.5 * tall, 1, tall)):
        shift = 0.0 if tiles else 0.5 * wide * (row % 2)
        for x in np.arange(-shift, width, wide):
            box(canvas, x + joint, y + joint, x + wide - joint, y + tall - joint, pick(rng, colour, variety))
    return canvas


def _planks(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    wide, colour = rng.uniform(0.06, 0.2), pick(rng, _PLANKS)
    upright = rng.random() < 0.5
    canvas = plain(size if upright else (size[1], size[0]), colour)
    for x in np.arange(0, canvas.shape[1] / canvas.shape[0], wide):
        view = box(canvas, x, 0, x + wide - 0.006, 1, pick(rng, colour[None], 0.15))
        if min(view.shape[:2]) > 1:
            grain = rng.standard_normal(view.shape[1], dtype=np.float32)
            view *= np.exp(np.float32(0.08) * grain)[None, :, None]
            shade(view, *np.exp(rng.normal(0, 0.1, 2)))
        box(canvas, x + wide - 0.006, 0, x + wide, 1, colour * np.float32(0.25))
    return canvas if upright else np.ascontiguousarray(canvas.transpose(1, 0, 2))


def _stripes(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    first, second = pick(rng, _PRINTS), pick(rng, _PRINTS)
    wave = np.sin(ramp(size, rng.choice([0, 0, math.pi / 2])) * np.float32(math.pi * rng.uniform(4, 16)))
    mix = np.clip(0.5 + wave * np.float32(rng.uniform(0.5, 4)), 0, 1)
    return (first + mix * (second - first)).astype(np.float32)


def _dots(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Printed paper: a small motif, repeated."""
    ground, print_colour = pick(rng, _PRINTS), pick(rng, _PRINTS, 0.5)
    cell = max(4, round(size[0] * rng.uniform(0.08, 0.25)))
    motif = np.clip(3 * clouds(rng, (cell, cell), rng.uniform(1.5, 4), 2), 0, 1)
    motif = np.maximum(motif, motif[:, ::-1])
    repeats = (size[0] // cell + 1, size[1] // cell + 1, 1)
    mix = np.tile(motif, repeats)[: size[0], : size[1]]
    return (ground + mix * (print_colour - ground)).astype(np.float32)
