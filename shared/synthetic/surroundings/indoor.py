"""Rooms: walls with what hangs on them and stands before them, windows and lamps."""

from __future__ import annotations

import math

import numpy as np

from shared.synthetic.surroundings.canvas import box, clouds, disc, glow, pick, plain, polygon, ramp, shade, srgb

_WALLS = srgb(
    (232, 228, 220), (222, 214, 200), (205, 205, 205), (186, 182, 172), (200, 186, 160), (168, 178, 184),
    (150, 160, 146), (196, 170, 158), (120, 132, 144), (92, 98, 104), (130, 104, 84), (70, 84, 96), (176, 150, 120),
)  # fmt: skip
_WOOD = srgb((150, 108, 70), (104, 70, 44), (186, 148, 104), (70, 48, 34), (120, 92, 66))
_THINGS = srgb(
    (230, 226, 216), (60, 60, 64), (128, 44, 40), (40, 70, 104), (54, 88, 66), (176, 140, 70), (150, 150, 152),
    (96, 62, 48), (28, 28, 32), (190, 176, 156), (104, 116, 128),
)  # fmt: skip
_LEAVES = srgb((46, 74, 36), (70, 100, 48), (38, 58, 40), (96, 116, 62))
_WARM_LIGHT = srgb((255, 206, 140), (255, 226, 184), (255, 184, 110))
_DAYLIGHT = srgb((236, 243, 255), (255, 252, 246), (216, 230, 255))


def room(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A living room or hall."""
    canvas = _walls(rng, size)
    items = (_pictures, _shelf, _door, _window, _curtain, _lamp, _plant, _furniture, _wall_lamp)
    shares = np.array([0.17, 0.13, 0.12, 0.15, 0.08, 0.12, 0.1, 0.1, 0.03])
    for index in sorted(rng.choice(len(items), rng.integers(1, 5), p=shares, replace=False), key=lambda i: i >= 5):
        items[index](canvas, rng)
    return canvas


def office(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A deep, bright room with rows of ceiling lights, partitions and screens."""
    width = size[1] / size[0]
    canvas = _walls(rng, size)
    canvas *= np.float32(0.7)
    horizon = rng.uniform(0.35, 0.6)
    vanish = rng.uniform(0.1, 0.9) * width
    ceiling = pick(rng, _WALLS[:3])
    polygon(canvas, [(0, 0), (width, 0), (width, 0.1), (vanish + 0.3, horizon - 0.2), (vanish - 0.3, horizon - 0.2),
                     (0, 0.1)], ceiling * np.float32(0.8))  # fmt: skip
    light = pick(rng, _DAYLIGHT) * np.float32(rng.uniform(1.5, 5))
    for side in (-1, 1):
        for depth in np.geomspace(0.25, 1, rng.integers(3, 6)):
            x, y = vanish + side * rng.uniform(0.45, 0.55) * depth, horizon - 0.2 - 0.38 * depth
            polygon(canvas, [(x - 0.1 * depth, y), (x + 0.1 * depth, y), (x + 0.09 * depth, y + 0.05 * depth),
                             (x - 0.11 * depth, y + 0.05 * depth)], light)  # fmt: skip
    polygon(canvas, [(0, 1), (width, 1), (width, 0.9), (vanish, horizon + 0.12), (0, 0.9)], pick(rng, _WALLS[3:]) * 0.5)
    for _ in range(rng.integers(3, 9)):
        depth = rng.uniform(0.25, 1)
        x, y = vanish + rng.normal(0, 0.5) * (0.4 + depth), horizon + 0.1 * depth
        box(canvas, x - 0.16 * depth, y, x + 0.16 * depth, y + 0.5 * depth, pick(rng, _THINGS, 0.4))
        if rng.random() < 0.5:
            screen = plain((1, 1), pick(rng, _DAYLIGHT))[0, 0] * np.float32(rng.uniform(0.3, 1.2))
            box(canvas, x - 0.1 * depth, y - 0.1 * depth, x + 0.08 * depth, y + 0.02 * depth, screen)
    if rng.random() < 0.5:
        _window(canvas, rng)
    return canvas


def _walls(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """One or two walls, sometimes a ceiling and a floor, in uneven light."""
    width = size[1] / size[0]
    wall = pick(rng, _WALLS)
    canvas = plain(size, wall)
    if rng.random() < 0.45:
        corner, slant = rng.uniform(0, 1) * width, rng.normal(0, 0.02)
        side = [(corner, 0), (width, 0), (width, 1), (corner + slant, 1)]
        polygon(canvas, side, wall * np.float32(np.exp(rng.choice([-0.5, 0.35]) + rng.normal(0, 0.15))))
    if rng.random() < 0.2:
        view = box(canvas, 0, 0, width, rng.uniform(0.04, 0.16), pick(rng, _WALLS[:3], 0.1))
        shade(view, 1.0, 0.8)
    if rng.random() < 0.3:
        panel = rng.uniform(0.55, 0.8)
        box(canvas, 0, panel, width, 1, pick(rng, _WALLS if rng.random() < 0.5 else _WOOD))
        box(canvas, 0, panel - 0.012, width, panel + 0.012, pick(rng, _WALLS[:2]))
    if rng.random() < 0.3:
        floor = rng.uniform(0.72, 0.95)
        box(canvas, 0, floor - 0.04, width, floor, pick(rng, _WALLS[:3]))
        shade(box(canvas, 0, floor, width, 1, pick(rng, _WOOD)), 0.8, 1.1)
    slope = np.float32(abs(rng.normal(0, 0.45))) * ramp(size, rng.uniform(-math.pi, math.pi))
    canvas *= np.exp(slope + np.float32(0.04) * clouds(rng, size, 3, 4, 0.7))
    return canvas


def _side(rng: np.random.Generator, canvas: np.ndarray) -> float:
    """An x where something stands: rather beside the head than behind it."""
    width = canvas.shape[1] / canvas.shape[0]
    return width * float(rng.beta(0.7, 0.7))


def _pictures(canvas: np.ndarray, rng: np.random.Generator) -> None:
    x = _side(rng, canvas)
    for _ in range(rng.integers(1, 4)):
        wide, tall = rng.uniform(0.1, 0.35), rng.uniform(0.12, 0.35)
        top = rng.uniform(0.02, 0.35)
        box(canvas, x + 0.01, top + 0.015, x + wide + 0.015, top + tall + 0.02, canvas.mean((0, 1)) * np.float32(0.5))
        box(canvas, x, top, x + wide, top + tall, pick(rng, _THINGS if rng.random() < 0.6 else _WOOD))
        rim = rng.uniform(0.008, 0.03)
        if rng.random() < 0.5:
            box(canvas, x + rim, top + rim, x + wide - rim, top + tall - rim, pick(rng, _WALLS[:2]))
            rim += rng.uniform(0.02, 0.05)
        view = box(canvas, x + rim, top + rim, x + wide - rim, top + tall - rim, pick(rng, _THINGS, 0.4))
        if min(view.shape[:2]) > 1:
            view *= np.exp(0.5 * clouds(rng, view.shape[:2], 2, 2))
            shade(view, *np.exp(rng.normal(0, 0.4, 2)))
        x += (wide + rng.uniform(0.03, 0.12)) * rng.choice([-1, 1])


def _shelf(canvas: np.ndarray, rng: np.random.Generator) -> None:
    width = canvas.shape[1] / canvas.shape[0]
    left = _side(rng, canvas) - rng.uniform(0.1, 0.5)
    right = left + rng.uniform(0.4, 1.2)
    wood, back = pick(rng, _WOOD if rng.random() < 0.6 else _WALLS), pick(rng, _WOOD) * np.float32(0.35)
    top, step = rng.uniform(-0.15, 0.25), rng.uniform(0.2, 0.34)
    box(canvas, left, top, right, 1, wood)
    full = rng.uniform(0.4, 1)
    while top < 1:
        shade(box(canvas, left + 0.02, top + 0.02, right - 0.02, top + step, back), 0.5, 1.1)
        x = max(left, -0.1) + 0.025
        while x < min(right, width) - 0.06:
            thick = rng.uniform(0.02, 0.06)
            if rng.random() < full:
                tall = step * rng.uniform(0.5, 0.85)
                box(canvas, x, top + step - tall, x + thick, top + step, pick(rng, _THINGS, 0.35))
            x += thick
        top += step


def _door(canvas: np.ndarray, rng: np.random.Generator) -> None:
    left, wide, top = _side(rng, canvas) - 0.2, rng.uniform(0.4, 0.6), rng.uniform(-0.1, 0.2)
    frame = pick(rng, _WALLS[:4] if rng.random() < 0.6 else _WOOD)
    box(canvas, left - 0.04, top - 0.04, left + wide + 0.04, 1, frame)
    if rng.random() < 0.5:
        # open: another room, darker or brighter
        view = box(canvas, left, top, left + wide, 1, pick(rng, _WALLS) * np.float32(np.exp(rng.choice([-1.2, 0.4]))))
        shade(view, *np.exp(rng.normal(0, 0.35, 2)), axis=1)
        return
    box(canvas, left, top, left + wide, 1, frame * np.float32(0.85))
    for row in (0.06, 0.5):
        for column in (0.06, 0.54):
            x, y = left + column * wide, top + row
            box(canvas, x, y, x + 0.4 * wide, y + 0.38, frame * np.float32(0.7))
            box(canvas, x + 0.012, y + 0.012, x + 0.4 * wide, y + 0.38, frame * np.float32(0.9))


def _window(canvas: np.ndarray, rng: np.random.Generator) -> None:
    left, wide = _side(rng, canvas) - 0.25, rng.uniform(0.3, 0.8)
    top, tall = rng.uniform(-0.2, 0.15), rng.uniform(0.5, 0.9)
    light = pick(rng, _DAYLIGHT) * np.float32(np.exp(rng.uniform(0.2, 1.5)))
    frame = pick(rng, _WALLS[:2]) * np.float32(rng.uniform(0.4, 1))
    box(canvas, left - 0.03, top - 0.03, left + wide + 0.03, top + tall + 0.04, frame)
    view = box(canvas, left, top, left + wide, top + tall, light)
    if min(view.shape[:2]) > 1:
        # outside: trees or houses, pale behind the glass
        outside = np.clip(clouds(rng, view.shape[:2], 3, 3) + 2 * np.linspace(-1.5, 1, len(view))[:, None, None], 0, 1)
        view *= (1 - outside * (1 - pick(rng, _LEAVES * 2.5))).astype(np.float32)
    for share in np.linspace(0, 1, rng.integers(2, 5))[1:-1]:
        box(canvas, left + share * wide - 0.012, top, left + share * wide + 0.012, top + tall, frame)
    if rng.random() < 0.5:
        bar = top + tall * rng.uniform(0.3, 0.6)
        box(canvas, left, bar - 0.01, left + wide, bar + 0.01, frame)
    canvas += light * np.float32(0.06) * glow(canvas.shape[:2], left + wide / 2, top + tall / 2, 0.4)


def _curtain(canvas: np.ndarray, rng: np.random.Generator) -> None:
    left, wide = _side(rng, canvas) - 0.15, rng.uniform(0.2, 0.6)
    view = box(canvas, left, 0, left + wide, 1, pick(rng, _WALLS if rng.random() < 0.7 else _THINGS))
    across = np.linspace(0, wide, view.shape[1])
    phase = across * 2 * math.pi / rng.uniform(0.04, 0.12) + 1.5 * np.sin(across * 17 + rng.uniform(0, 6))
    view *= np.exp(rng.uniform(0.15, 0.4) * np.sin(phase))[:, None].astype(np.float32)


def _lamp(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """A shade on a stand or from the ceiling, and its light on the wall."""
    x, y = _side(rng, canvas), rng.uniform(0.1, 0.6)
    light = pick(rng, _WARM_LIGHT) * np.float32(rng.uniform(0.8, 3.5))
    wide, tall = rng.uniform(0.05, 0.14), rng.uniform(0.08, 0.18)
    canvas += light * np.float32(rng.uniform(0.1, 0.4)) * glow(canvas.shape[:2], x, y, 0.25)
    hangs = rng.random() < 0.4
    box(canvas, x - 0.006, 0 if hangs else y, x + 0.006, y if hangs else 1, pick(rng, _THINGS) * np.float32(0.5))
    polygon(canvas, [(x - wide * 0.6, y - tall / 2), (x + wide * 0.6, y - tall / 2), (x + wide, y + tall / 2),
                     (x - wide, y + tall / 2)], light)  # fmt: skip


def _wall_lamp(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """A row of bulbs or spots."""
    light = pick(rng, _WARM_LIGHT) * np.float32(rng.uniform(3, 10))
    y, step = rng.uniform(0.03, 0.3), rng.uniform(0.12, 0.4)
    for x in np.arange(rng.uniform(0, step), canvas.shape[1] / canvas.shape[0], step):
        canvas += light * np.float32(0.04) * glow(canvas.shape[:2], x, y, 0.06)
        disc(canvas, x, y, 0.015, light)


def _plant(canvas: np.ndarray, rng: np.random.Generator) -> None:
    x, y, spread = _side(rng, canvas), rng.uniform(0.35, 0.8), rng.uniform(0.12, 0.3)
    box(canvas, x - 0.08, y + 0.8 * spread, x + 0.08, 1, pick(rng, _THINGS))
    palette = _LEAVES * np.float32(np.exp(rng.normal(0, 0.3)))
    for _ in range(26):
        angle, length = rng.uniform(-math.pi, 0.3), spread * rng.uniform(0.4, 1.2)
        tip = (x + math.cos(angle) * length, y + math.sin(angle) * length + 0.5 * spread)
        across = (-math.sin(angle) * 0.12 * spread, math.cos(angle) * 0.12 * spread)
        middle = (0.5 * (x + tip[0]), 0.5 * (y + 0.5 * spread + tip[1]))
        leaf = [(x, y + 0.5 * spread), (middle[0] + across[0], middle[1] + across[1]), tip,
                (middle[0] - across[0], middle[1] - across[1])]  # fmt: skip
        polygon(canvas, leaf, pick(rng, palette, 0.45))


def _furniture(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """The back of a sofa or chair, or a cabinet."""
    x, top, wide = _side(rng, canvas), rng.uniform(0.5, 0.85), rng.uniform(0.3, 1.0)
    colour = pick(rng, _THINGS, 0.4)
    round_by = rng.uniform(0, 0.08)
    left, right = x - wide / 2, x + wide / 2
    polygon(canvas, [(left, 1), (left, top + round_by), (left + round_by, top), (right - round_by, top),
                     (right, top + round_by), (right, 1)], colour)  # fmt: skip
    shade(box(canvas, left + 0.03, top + 0.1, right - 0.03, 1, colour * np.float32(0.8)), 1.1, 0.6)
