"""Tools to paint a background: colours, gradients, noise, boxes, and the lens that throws it out of focus.

A canvas is (h, w, 3) float32, linear RGB, changed in place. 1 is white paper in good light; windows and lamps are
above. Coordinates and lengths are shares of its height, x to the right from the left edge and y down from the top, so
that a scene looks the same on a canvas of any size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from shared.synthetic.scene.colour import srgb_to_linear

Painter = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]  # (rng, (h, w)) -> canvas
_FRACTION_BITS = 4  # of cv2's fixed-point coordinates


def srgb(*colours: tuple[int, int, int]) -> np.ndarray:
    """sRGB bytes -> (N, 3) float32 linear."""
    return srgb_to_linear(np.array(colours, np.float32) / 255).astype(np.float32)


def pick(rng: np.random.Generator, palette: np.ndarray, brightness: float = 0.2) -> np.ndarray:
    """One colour (3,) of a palette (N, 3), varied; ``brightness`` is the log deviation."""
    variation = rng.normal(0, 0.06, 3) + rng.normal(0, brightness)
    return (palette[rng.integers(len(palette))] * np.exp(variation)).astype(np.float32)


def plain(size: tuple[int, int], colour: np.ndarray) -> np.ndarray:
    """A canvas (h, w, 3) of one colour (3,)."""
    return np.full((*size, 3), colour, np.float32)


def ramp(size: tuple[int, int], angle_rad: float) -> np.ndarray:
    """(h, w, 1) float32 that grows along a direction, from about -1 to 1 across the canvas; angle 0 is to the right."""
    height, width = size
    x = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(math.cos(angle_rad))
    y = np.linspace(-1, 1, height, dtype=np.float32) * np.float32(math.sin(angle_rad))
    return (y[:, None] + x)[..., None]


def distance(size: tuple[int, int], x: float, y: float) -> np.ndarray:
    """(h, w, 1) distance from a place, in heights."""
    height, width = size
    across = (np.arange(width, dtype=np.float32) + 0.5) / np.float32(height) - np.float32(x)
    down = (np.arange(height, dtype=np.float32) + 0.5) / np.float32(height) - np.float32(y)
    return np.sqrt(down[:, None] ** 2 + across**2)[..., None]


def glow(size: tuple[int, int], x: float, y: float, radius: float) -> np.ndarray:
    """(h, w, 1) light around a source: 1 there, 1/2 at ``radius``."""
    return 1 / (1 + (distance(size, x, y) / np.float32(radius)) ** 2)


def clouds(
    rng: np.random.Generator, size: tuple[int, int], cells: float, octaves: int = 3, persistence: float = 0.55
) -> np.ndarray:
    """(h, w, 1) noise about 0 with a deviation near 1: ``cells`` blobs over the height, each octave twice as fine."""
    height, width = size
    total, power = np.zeros(size, np.float32), 0.0
    for octave in range(octaves):
        rows = max(2, round(cells * 2**octave))
        grid = rng.standard_normal((rows, max(2, round(rows * width / height))), dtype=np.float32)
        weight = persistence**octave
        total += np.float32(weight) * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        power += weight**2
    return (total / np.float32(0.8 * math.sqrt(power)))[..., None]


def box(canvas: np.ndarray, left: float, top: float, right: float, bottom: float, colour: np.ndarray) -> np.ndarray:
    """Fill a rectangle; returns the view of it (maybe empty), to be shaded further."""
    height, width = canvas.shape[:2]
    x0, x1 = (min(width, max(0, round(value * height))) for value in (left, right))
    y0, y1 = (min(height, max(0, round(value * height))) for value in (top, bottom))
    view = canvas[y0:y1, x0:x1]
    view[:] = colour
    return view


def shade(view: np.ndarray, first: float, last: float, axis: int = 0) -> None:
    """Multiply a view by factors that run from ``first`` to ``last`` down (axis 0) or across (axis 1)."""
    factors = np.linspace(first, last, view.shape[axis], dtype=np.float32)
    view *= factors[:, None, None] if axis == 0 else factors[None, :, None]


def polygon(canvas: np.ndarray, corners: Sequence[tuple[float, float]], colour: np.ndarray) -> None:
    """Fill a polygon of (x, y) corners."""
    fixed = np.round(np.array(corners) * canvas.shape[0] * 2**_FRACTION_BITS).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], colour.tolist(), shift=_FRACTION_BITS)


def disc(canvas: np.ndarray, x: float, y: float, radius: float, colour: np.ndarray, aspect: float = 1.0) -> None:
    """Fill an ellipse with the half width ``radius`` and the half height ``radius * aspect``."""
    scale = canvas.shape[0] * 2**_FRACTION_BITS
    centre = (round(x * scale), round(y * scale))
    axes = (max(1, round(radius * scale)), max(1, round(radius * aspect * scale)))
    cv2.ellipse(canvas, centre, axes, 0, 0, 360, colour.tolist(), -1, shift=_FRACTION_BITS)


def through_lens(scene: np.ndarray, radius: float) -> np.ndarray:
    """Blur by a disc with a radius in heights, as an open lens does: a bright point becomes a disc of light."""
    radius_px = radius * scene.shape[0]
    if radius_px < 0.4:
        return scene
    half = math.ceil(radius_px)
    across = np.arange(-half, half + 1, dtype=np.float32)
    kernel = np.clip(radius_px + 0.5 - np.hypot(across[:, None], across), 0, 1).astype(np.float32)
    return cv2.filter2D(scene, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)


def tilted(scene: np.ndarray, roll_rad: float, turn: tuple[float, float]) -> np.ndarray:
    """The scene through a camera that is rolled, and turned by ``turn`` (x, y): how much one edge is nearer."""
    height, width = scene.shape[:2]
    to_unit = np.array([[2 / width, 0, -1], [0, 2 / height, -1], [0, 0, 1]])
    cos, sin, aspect = math.cos(roll_rad), math.sin(roll_rad), width / height
    # Enlarged, so that as little as possible comes from beyond the edge.
    zoom = 1 - 0.7 * abs(sin) - 0.5 * max(abs(turn[0]), abs(turn[1]))
    view = np.array([[zoom * cos, -zoom * sin / aspect, 0], [zoom * sin * aspect, zoom * cos, 0], [*turn, 1]])
    source_of = np.linalg.inv(to_unit) @ view @ to_unit
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(scene, source_of, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
