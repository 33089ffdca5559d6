"""Tileable noise, made once from a fixed seed: people differ in where, how large and how turned they sample it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

_SIDE = 512


@dataclass(frozen=True, eq=False)
class NoiseTile:
    """Channels of noise that repeat in both directions."""

    planes: Tensor  # (C, _SIDE * _SIDE) float32

    def at(self, x: Tensor, y: Tensor) -> Tensor:
        """Places (P) and (P), in tiles -> (C, P), the nearest texel."""
        column, row = ((place * _SIDE).int() & (_SIDE - 1) for place in (x, y))
        return self.planes.index_select(1, row * _SIDE + column)

    def to(self, device: torch.device) -> NoiseTile:
        """The same on another device."""
        return NoiseTile(self.planes.to(device))


def blotches() -> NoiseTile:
    """For a tile of 5 to 15 cm: two independent mottlings of zero mean and unit deviation, and a field of spots.

    The spots' field is in [0, 1]; the higher the threshold, the fewer and smaller the spots above it.
    """
    rng = np.random.default_rng(101)
    spots = np.zeros((_SIDE, _SIDE), np.float32)
    for _ in range(900):
        radius = float(np.clip(rng.lognormal(1.15, 0.45), 1.2, 9.0))
        x, y = rng.uniform(0, _SIDE, 2)
        _stamp(spots, x, y, radius, rng.uniform(0.35, 1.0), rng.uniform(0.7, 1.3))
    spots = spots + 0.10 * _cloud(rng, (60, 120))
    return _tile([_cloud(rng, (4, 9, 22, 60)), _cloud(rng, (3, 7, 16, 40, 90)), spots])


def pores() -> NoiseTile:
    """For a tile of 25 to 40 mm: height between pores (zero mean, unit deviation), its two slopes, dots of hairs."""
    rng = np.random.default_rng(102)
    pits = np.zeros((_SIDE, _SIDE), np.float32)
    for _ in range(1500):
        x, y = rng.uniform(0, _SIDE, 2)
        _stamp(pits, x, y, rng.uniform(3.0, 6.5), rng.uniform(0.3, 1.0), rng.uniform(0.8, 1.25))
    height = -_unit(pits) + 0.8 * _cloud(rng, (50, 90)) + 0.35 * _cloud(rng, (16, 30))
    height = _unit(height)
    slope_x = np.roll(height, -1, 1) - np.roll(height, 1, 1)
    slope_y = np.roll(height, -1, 0) - np.roll(height, 1, 0)
    dots = np.zeros((_SIDE, _SIDE), np.float32)
    for _ in range(2600):
        x, y = rng.uniform(0, _SIDE, 2)
        _stamp(dots, x, y, rng.uniform(1.2, 2.0), rng.uniform(0.5, 1.0), rng.uniform(0.6, 1.5))
    dots = dots / dots.mean()
    scale = slope_x.std()
    return _tile([height, slope_x / scale, slope_y / scale, dots])


def _tile(channels: list[np.ndarray]) -> NoiseTile:
    return NoiseTile(torch.from_numpy(np.stack(channels).reshape(len(channels), -1).astype(np.float32)))


def _cloud(rng: np.random.Generator, cells: tuple[int, ...]) -> np.ndarray:
    """Band-limited noise with detail at 1/cells of the tile each, in the frequency domain so that it repeats."""
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None]) * _SIDE
    spectrum = np.fft.rfft2(rng.standard_normal((_SIDE, _SIDE)))
    total = np.zeros((_SIDE, _SIDE))
    for cell in cells:
        band = np.exp(-(np.log((frequency + 1e-6) / cell) ** 2) / (2 * 0.35**2))
        total += _unit(np.fft.irfft2(spectrum * band, (_SIDE, _SIDE))) * (cells[0] / cell) ** 0.35
    return _unit(total)


def _unit(values: np.ndarray) -> np.ndarray:
    return ((values - values.mean()) / values.std()).astype(np.float32)


def _stamp(image: np.ndarray, x: float, y: float, radius: float, height: float, stretch: float) -> None:
    """Raise a repeating image to a soft round bump, where it is lower."""
    reach = int(np.ceil(2.2 * radius * max(stretch, 1 / stretch)))
    offsets = np.arange(-reach, reach + 1)
    columns, rows = offsets + round(x), offsets + round(y)
    distance = ((columns - x) * stretch)[None] ** 2 + ((rows - y) / stretch)[:, None] ** 2
    bump = height * np.exp(-distance / radius**2)
    where = np.ix_(rows % _SIDE, columns % _SIDE)
    image[where] = np.maximum(image[where], bump)


def strand_tile(seed: int, count: int, size: tuple[int, int], lean: float) -> np.ndarray:
    """(h, w) uint8 opacity of fine tapered strands that grow from the last row up; repeats from left to right."""
    height, width = size
    rng = np.random.default_rng(seed)
    image = np.zeros((height, 3 * width), np.uint8)
    steps = np.linspace(0, 1, 7)
    for _ in range(count):
        length = rng.uniform(0.55, 0.97) * height
        drift = rng.normal(lean, 0.25) * length * 0.5
        x, y = rng.uniform(0, width) + drift * steps**1.6, (height - 1) - length * steps
        for shift in (0, width, 2 * width):
            points = np.round(np.stack([x + shift, y], 1) * 16).astype(np.int32)
            for first in range(6):
                strength = int(255 * (1 - 0.6 * steps[first]))
                cv2.polylines(image, [points[first : first + 2]], False, strength, 1, cv2.LINE_AA, 4)
    return cv2.convertScaleAbs(image[:, width : 2 * width], alpha=1.35)  # fine lines are never full otherwise
