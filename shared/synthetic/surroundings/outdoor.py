"""Outdoors by day: foliage, streets, open land."""

from __future__ import annotations

import math

import cv2
import numpy as np

from shared.synthetic.surroundings.canvas import box, clouds, disc, pick, plain, polygon, ramp, shade, srgb

_SKY_TOP = srgb((90, 140, 205), (130, 170, 215), (190, 205, 220), (215, 220, 225), (110, 125, 150), (160, 190, 230))
_SKY_LOW = srgb((205, 222, 238), (236, 238, 240), (245, 232, 214), (225, 228, 230), (250, 214, 176))
_GREENS = srgb((58, 84, 40), (84, 110, 52), (44, 66, 42), (104, 118, 58), (70, 92, 62), (122, 112, 52), (130, 84, 42))
_TRUNKS = srgb((70, 56, 44), (98, 84, 70), (44, 38, 34))
_GROUND = srgb((98, 118, 58), (150, 140, 116), (196, 180, 146), (110, 108, 104), (84, 98, 56), (128, 104, 76))
_FACADES = srgb(
    (178, 164, 146), (140, 82, 64), (200, 194, 186), (110, 108, 106), (164, 126, 96), (214, 200, 172), (88, 92, 100),
    (150, 150, 146), (104, 72, 58),
)  # fmt: skip
_THINGS = srgb((30, 30, 34), (150, 30, 28), (200, 200, 204), (40, 60, 100), (110, 112, 116), (210, 170, 50))


def foliage(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Bushes and trees, leaves in light and shade, sky through the gaps."""
    first, second = pick(rng, _GREENS), pick(rng, _GREENS)
    mass = clouds(rng, size, rng.uniform(1.5, 3), 4, 0.75)
    mix = np.clip(0.5 + 0.5 * clouds(rng, size, 2, 2), 0, 1)
    canvas = (first * mix + second * (1 - mix)) * np.exp(rng.uniform(0.35, 0.7) * mass)
    for _ in range(rng.poisson(0.7)):
        x, thick = rng.uniform(0, size[1] / size[0]), rng.uniform(0.02, 0.1)
        lean = rng.normal(0, 0.08)
        trunk = [(x - thick, 1), (x + thick, 1), (x + lean + 0.7 * thick, 0), (x + lean - 0.7 * thick, 0)]
        polygon(canvas, trunk, pick(rng, _TRUNKS))
    leaves = rng.standard_normal((size[0] // 2 + 1, size[1] // 2 + 1), dtype=np.float32)
    leaves = leaves.repeat(2, 0).repeat(2, 1)[: size[0], : size[1], None]
    # Lit leaves, more of them where the mass is bright.
    lit = np.clip(leaves + np.float32(0.8) * mass - np.float32(rng.uniform(1.2, 2.2)), 0, 1)
    canvas += lit * (np.float32(rng.uniform(1, 3)) * first)
    sky = pick(rng, _SKY_LOW) * np.float32(rng.uniform(1, 2.2))
    height = ramp(size, math.pi / 2)
    gaps = 2.2 * mass + leaves - np.float32(rng.uniform(0.5, 4)) * (height + 1) - np.float32(rng.uniform(-0.5, 3))
    gaps = np.clip(gaps, 0, 1)
    canvas += gaps * (sky - canvas)
    if rng.random() < 0.4:
        ground = np.clip((height - np.float32(rng.uniform(0.1, 0.8))) * 8, 0, 1)
        canvas += ground * (pick(rng, _GROUND) * np.exp(np.float32(0.15) * mass) - canvas)
    return canvas.astype(np.float32)


def street(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Houses with windows, road, cars and signs."""
    width = size[1] / size[0]
    canvas = _sky(rng, size)
    ground = rng.uniform(0.6, 0.95)
    x = rng.uniform(-0.4, 0)
    while x < width:
        wide, top = rng.uniform(0.25, 0.9), rng.choice([rng.uniform(-1.0, 0.0), rng.uniform(0.0, 0.4)])
        _facade(canvas, rng, x, top, x + wide, ground)
        x += wide + (rng.uniform(0.05, 0.4) if rng.random() < 0.25 else 0)
    road = pick(rng, _GROUND[1:4])
    shade(box(canvas, 0, ground, width, 1, road), 0.8, 1.15)
    for _ in range(rng.poisson(2)):
        _car(canvas, rng, rng.uniform(0, width), ground + rng.uniform(0, 0.04))
    for _ in range(rng.poisson(0.8)):
        tree_x, tree_y, spread = rng.uniform(0, width), rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.25)
        box(canvas, tree_x - 0.012, tree_y, tree_x + 0.012, ground, pick(rng, _TRUNKS))
        green = _GREENS[rng.integers(len(_GREENS))][None]
        for dx, dy in rng.normal(0, 0.45 * spread, (50, 2)):
            disc(canvas, tree_x + dx, tree_y + dy, spread * rng.uniform(0.07, 0.25), pick(rng, green, 0.35))
    for _ in range(rng.poisson(0.7)):
        pole = rng.uniform(0, width)
        box(canvas, pole - 0.008, rng.uniform(-0.2, 0.4), pole + 0.008, ground + 0.03, pick(rng, _THINGS) * 0.5)
    canvas *= np.exp(np.float32(abs(rng.normal(0, 0.3))) * ramp(size, rng.choice([0, math.pi])))
    canvas *= np.exp(np.float32(0.05) * clouds(rng, size, 4, 4, 0.8))
    return canvas


def open_land(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Sky over hills, field, sea or beach."""
    width = size[1] / size[0]
    canvas = _sky(rng, size)
    horizon = rng.uniform(0.3, 0.85)
    haze = pick(rng, _SKY_LOW)
    for depth in (0.65, 0.35):
        if rng.random() < 0.6:
            crest = horizon - 0.16 * depth + 0.05 * np.cumsum(rng.normal(0, 0.5, 9))
            xs = np.linspace(-0.05, width + 0.05, 9)
            colour = depth * haze * 0.6 + (1 - depth) * pick(rng, _GREENS)
            polygon(canvas, [*zip(xs.tolist(), crest.tolist(), strict=True), (width + 0.1, 1), (-0.1, 1)], colour)
    if rng.random() < 0.25:
        near = pick(rng, srgb((70, 104, 124), (104, 136, 148), (60, 84, 110)))
        detail = (2, 40)
    else:
        near = pick(rng, _GROUND)
        detail = (6, 14)
    view = box(canvas, 0, horizon, width, 1, near)
    grid = rng.standard_normal((max(2, len(view) // detail[0]), max(2, view.shape[1] // detail[1])), dtype=np.float32)
    if min(view.shape[:2]) > 1:
        view *= np.exp(np.float32(0.15) * cv2.resize(grid, view.shape[1::-1], interpolation=cv2.INTER_CUBIC))[..., None]
    shade(view, 1.15, 0.75)
    for _ in range(rng.poisson(1.2)):
        x, wide = rng.uniform(0, width), rng.uniform(0.05, 0.3)
        green = pick(rng, _GREENS[:5])[None] * np.float32(0.7)
        for dx, up in rng.normal(0, 0.42 * wide, (40, 2)):
            disc(canvas, x + dx, horizon - abs(up), wide * rng.uniform(0.05, 0.2), pick(rng, green, 0.3))
    canvas *= np.exp(np.float32(0.05) * clouds(rng, size, 6, 3, 0.8))
    return canvas


def _sky(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    down = 0.5 + 0.5 * ramp(size, math.pi / 2)
    top, low = pick(rng, _SKY_TOP), pick(rng, _SKY_LOW)
    sky = (top + down * (low - top)) * np.float32(rng.uniform(0.9, 1.6))
    if rng.random() < 0.6:
        cover = np.clip(clouds(rng, size, rng.uniform(1, 2.5), 4) * 0.6 - rng.uniform(-0.3, 0.5), 0, 1)
        sky += cover * (low * np.float32(rng.uniform(1, 1.8)) - sky)
    return sky.astype(np.float32)


def _facade(canvas: np.ndarray, rng: np.random.Generator, left: float, top: float, right: float, ground: float) -> None:
    colour = pick(rng, _FACADES, 0.3)
    shade(box(canvas, left, top, right, ground, colour), *np.exp(rng.normal(0, 0.2, 2)), axis=1)
    if top > 0 and rng.random() < 0.4:
        polygon(canvas, [(left, top), (right, top), ((left + right) / 2, top - 0.15)], pick(rng, _FACADES) * 0.6)
    step_x, step_y = rng.uniform(0.08, 0.2), rng.uniform(0.1, 0.26)
    glass = srgb((60, 70, 84), (44, 46, 52), (150, 170, 190))[rng.integers(3)]
    rim = colour * np.float32(rng.uniform(1.1, 1.5))
    for y in np.arange(max(top, -0.2) + 0.06, ground - 0.12, step_y):
        for x in np.arange(left + 0.03, right - 0.6 * step_x, step_x):
            if x < -step_x or x > canvas.shape[1] / canvas.shape[0]:
                continue
            box(canvas, x - 0.008, y - 0.01, x + 0.55 * step_x + 0.008, y + 0.6 * step_y + 0.01, rim)
            pane = glass * np.float32(math.exp(rng.normal(0, 0.4)))
            box(canvas, x, y, x + 0.55 * step_x, y + 0.6 * step_y, pane)
    if rng.random() < 0.4:
        box(canvas, left, ground - 0.14, right, ground, pick(rng, _FACADES) * 0.4)
        box(canvas, left + 0.04, ground - 0.11, right - 0.04, ground, pick(rng, _SKY_LOW) * rng.uniform(0.3, 1))


def _car(canvas: np.ndarray, rng: np.random.Generator, x: float, ground: float) -> None:
    colour, wide, tall = pick(rng, _THINGS), rng.uniform(0.2, 0.45), rng.uniform(0.1, 0.16)
    dark = colour * np.float32(0.1)
    box(canvas, x - 0.45 * wide, ground - 0.02, x + 0.45 * wide, ground + 0.015, dark)
    roof = ground - tall
    polygon(canvas, [(x - wide / 2, ground), (x - wide / 2, roof + 0.5 * tall), (x - 0.25 * wide, roof),
                     (x + 0.2 * wide, roof), (x + 0.35 * wide, roof + 0.5 * tall), (x + wide / 2, roof + 0.6 * tall),
                     (x + wide / 2, ground)], colour)  # fmt: skip
    box(canvas, x - 0.25 * wide, roof + 0.1 * tall, x + 0.2 * wide, roof + 0.45 * tall, dark + np.float32(0.05))
    shine = plain((1, 1), np.full(3, rng.uniform(1, 6)))[0, 0]
    disc(canvas, x + rng.uniform(-0.4, 0.4) * wide, roof + 0.3 * tall, 0.008, shine)
