"""Cloth as the light sees it: a small bank of tileable patterns and creases, made once, and the material on top."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.geometry.rotation import skew
from shared.synthetic.body.look import Fabric, Pattern
from shared.synthetic.scene.scene import Hits, Shading

_SIDE = 256  # texels a side
_LEVELS = 5  # of the patterns, each half as sharp as the one before
_FOLDS_TILE_M = 0.42
_PATTERNS: tuple[Pattern, ...] = ("plain", "stripes", "checks", "knit", "print", "melange")


@dataclass(frozen=True, eq=False)
class FabricBank:
    """Textures of all fabrics."""

    share: Tensor  # (patterns * _LEVELS * _SIDE^2,) how much of the second colour
    slopes: Tensor  # (_SIDE^2, 2) of creases, root mean square 1
    weave: Tensor  # (2 * _SIDE^2, 2) slopes of threads: smooth cloth, then knit

    @staticmethod
    def make() -> FabricBank:
        """The same at every call."""
        rng = np.random.default_rng(20240)
        share = np.stack([_blurred(_pattern(name, rng), level) for name in _PATTERNS for level in range(_LEVELS)])
        weave = np.stack([0.05 * _slopes(_noise(rng, 120, 120)), 0.5 * _slopes(_stitches())])
        return FabricBank(
            torch.tensor(share.reshape(-1), dtype=torch.float32),
            torch.tensor(_slopes(_creases(rng)).reshape(-1, 2), dtype=torch.float32),
            torch.tensor(weave.reshape(-1, 2), dtype=torch.float32),
        )

    def to(self, device: torch.device) -> FabricBank:
        """The same on another device."""
        return FabricBank(self.share.to(device), self.slopes.to(device), self.weave.to(device))


@dataclass(frozen=True, eq=False)
class FabricMaterial:
    """A cloth whose texture coordinates are metres."""

    bank: FabricBank
    fabric: Fabric
    up: Tensor  # (3,) world, against which texture coordinates run
    pixel_m: float  # what a pixel of the picture spans there: the same sharpness wherever the renderer looks closer

    def __call__(self, hits: Hits) -> Shading:
        """Shade P places."""
        fabric, knitted = self.fabric, self.fabric.pattern == "knit"
        uv = hits.uv + hits.uv.new_tensor(fabric.shift_m)
        texel = _texel(uv, fabric.tile_m)
        span = self.pixel_m * _SIDE / fabric.tile_m  # texels a pixel covers
        level = min(_LEVELS - 1, max(0, round(math.log2(max(span, 1e-3)))))
        page = _PATTERNS.index(fabric.pattern) * _LEVELS + level
        share = self.bank.share.index_select(0, texel + page * _SIDE * _SIDE)
        colour, second = uv.new_tensor(fabric.colour), uv.new_tensor(fabric.second)
        albedo = torch.addmm(colour[None], share[:, None], (second - colour)[None])
        slope = self.bank.slopes.index_select(0, _texel(uv, _FOLDS_TILE_M)) * fabric.folds
        weave = self.bank.weave.index_select(0, texel + int(knitted) * _SIDE * _SIDE)
        slope = torch.add(slope, weave, alpha=1 / max(1.0, 0.5 * span))
        # Slopes run across and down the cloth; where it lies flat, as on shoulders, less is left of both.
        turn, lean = skew(self.up), (hits.normal @ self.up)[:, None]
        normal = hits.normal * (1 - slope[:, 1:] * lean)
        normal = torch.addmm(normal - slope[:, :1] * (hits.normal @ turn.T), slope[:, 1:], self.up[None])
        normal = normal * normal.square().sum(1, keepdim=True).rsqrt()
        return Shading(albedo, fabric.specular, fabric.roughness, normal)


def _texel(uv_m: Tensor, tile_m: float) -> Tensor:
    """(P,) rows of a texture whose tile spans ``tile_m``."""
    place = (uv_m * (_SIDE / tile_m)).int() & (_SIDE - 1)
    return place[:, 1] * _SIDE + place[:, 0]


def _pattern(name: Pattern, rng: np.random.Generator) -> np.ndarray:
    """(_SIDE, _SIDE) in [0, 1]."""
    x, y = np.meshgrid(np.arange(_SIDE) / _SIDE, np.arange(_SIDE) / _SIDE)
    if name == "stripes":
        return _soft(0.16 - np.abs(y - 0.3)) + _soft(0.04 - np.abs(y - 0.75))
    if name == "checks":
        bars = [_soft(0.14 - np.abs(axis - 0.3)) + 0.7 * _soft(0.03 - np.abs(axis - 0.72)) for axis in (x, y)]
        return 0.5 * bars[0] + 0.5 * bars[1]
    if name == "knit":
        return (0.75 - 0.75 * _stitches()).clip(0, 1)
    if name == "print":
        return _soft((_noise(rng, 5, 5) - 0.9) * 0.1)
    if name == "melange":
        return (0.4 + 0.3 * _noise(rng, 150, 60)).clip(0, 1)
    return np.zeros((_SIDE, _SIDE))


def _blurred(pattern: np.ndarray, level: int) -> np.ndarray:
    """(_SIDE, _SIDE) without what is finer than 2^level texels; still tileable."""
    width = 0.6 * 2**level
    edge = 3 * _SIDE // 8
    padded = cv2.GaussianBlur(np.pad(pattern, edge, mode="wrap"), (0, 0), width)
    return padded[edge:-edge, edge:-edge]


def _soft(inside: np.ndarray) -> np.ndarray:
    """1 inside, 0 outside, with an edge of two texels."""
    return (0.5 + inside * _SIDE / 2).clip(0, 1)


def _stitches() -> np.ndarray:
    """(_SIDE, _SIDE) height of 16 by 20 V-shaped stitches."""
    x, y = np.meshgrid(np.arange(_SIDE) / _SIDE * 16, np.arange(_SIDE) / _SIDE * 20)
    half = np.abs((x % 1) * 2 - 1)
    thread = np.abs(((y + 0.8 * half) % 1) * 2 - 1)
    return np.sqrt((1 - thread**2).clip(0)) * (0.35 + 0.65 * np.sin(np.pi * half).clip(0))


def _creases(rng: np.random.Generator) -> np.ndarray:
    """(_SIDE, _SIDE) height of soft folds with sharper crests."""
    broad, fine = _noise(rng, 3, 4), _noise(rng, 7, 5)
    return broad + 0.25 * fine + 0.25 * (1 - np.abs(_noise(rng, 4, 3)))


def _noise(rng: np.random.Generator, cells_x: float, cells_y: float) -> np.ndarray:
    """Tileable noise (_SIDE, _SIDE) of zero mean and unit deviation, with about that many lumps across."""
    spectrum = np.fft.fft2(rng.normal(size=(_SIDE, _SIDE)))
    frequency = np.fft.fftfreq(_SIDE, 1 / _SIDE)
    radius = np.hypot(frequency[None] / cells_x, frequency[:, None] / cells_y)
    field = np.fft.ifft2(spectrum * np.exp(-((radius - 0.8) ** 2) / 0.3)).real
    return (field - field.mean()) / field.std()


def _slopes(height: np.ndarray) -> np.ndarray:
    """(_SIDE, _SIDE, 2) central differences, scaled to a root mean square of 1."""
    slope = np.stack(
        [np.roll(height, -1, 1) - np.roll(height, 1, 1), np.roll(height, -1, 0) - np.roll(height, 1, 0)], -1
    )
    return cv2.GaussianBlur(slope, (0, 0), 0.7) / np.sqrt((slope**2).mean())
