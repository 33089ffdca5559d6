"""Textures of strands, made once: tiles and tufts to cut hair out of, and streaks along a flow over a chart."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

TUFTS = 8  # columns of different tufts in their texture
_MIDDLE = 0.5


@dataclass(frozen=True, eq=False)
class StrandTexture:
    """Strands run along v, from the root at 0 to the tip at 1."""

    cover: Tensor  # (h, w) uint8
    tone: Tensor  # (h, w) float32, about 1

    def to(self, device: torch.device) -> StrandTexture:
        """The same on another device."""
        return StrandTexture(self.cover.to(device), self.tone.to(device))


def sheet_texture(seed: int, density: float, ragged: float) -> StrandTexture:
    """A tile that repeats in u: full hair at density 1, single strands below. Tips fray over ``ragged``, roots less."""
    height, width = 256, 512
    rng = np.random.default_rng(seed)
    tone = _lanes(rng, height, width, 3.0)
    clumps = _lanes(rng, height, width, 14.0)
    fine = _ranked(_lanes(rng, height, width, 1.3) + 0.7 * clumps)
    v = (np.arange(height) + 0.5)[:, None] / height
    end = ((v - (1 - ragged)) / ragged).clip(0, 1) ** 1.3
    root = (v / 0.05).clip(0, 1)
    share = density * (1 - end) * (0.25 + 0.75 * root)
    cover = ((fine - (1 - share)) * 6 + (density >= 1) * (1 - end) * (2 * root)).clip(0, 1)
    cover[-2:] = 0
    return _texture(cover, 1 + 0.17 * tone + 0.12 * clumps)


def tuft_texture(seed: int) -> StrandTexture:
    """``TUFTS`` tufts beside each other, each tapering to its tip."""
    height, width = 128, 64
    rng = np.random.default_rng(seed)
    cells = [_tuft(rng, height, width) for _ in range(TUFTS)]
    cover, tone = (np.concatenate(images, 1) for images in zip(*cells, strict=True))
    return _texture(cover, tone)


def _tuft(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    cover, tone = np.zeros((height, width), np.float32), np.ones((height, width), np.float32)
    steps = np.linspace(0, 1, 12)
    lean = rng.normal(0, 0.12)
    for _ in range(rng.integers(20, 30)):
        start, length = rng.normal(0, 0.19), rng.uniform(0.55, 0.99)
        x = width * (_MIDDLE + np.clip(start, -0.4, 0.4) * (1 - 0.4 * steps) + lean * steps**2 * length)
        x += width * rng.normal(0, 0.03) * steps
        points = np.round(np.stack([x, steps * length * height], 1) * 16).astype(np.int32)
        cv2.polylines(cover, [points], False, 1.0, int(rng.integers(1, 3)), cv2.LINE_AA, 4)
        cv2.polylines(tone, [points], False, float(1 + rng.normal(0, 0.2)), 2, cv2.LINE_AA, 4)
    cover[:, [0, -1]] = 0
    cover[-1] = 0
    return cover, tone


def _texture(cover: np.ndarray, tone: np.ndarray) -> StrandTexture:
    return StrandTexture(
        torch.from_numpy((cover * 255).astype(np.uint8)), torch.from_numpy(tone.clip(0.35, 1.7).astype(np.float32))
    )


def _lanes(rng: np.random.Generator, height: int, width: int, lane_px: float) -> np.ndarray:
    """(h, w) noise that changes over ``lane_px`` across and slowly along; repeats in u."""
    noise = rng.standard_normal((height, 3 * width)).astype(np.float32)
    noise[:, :width] = noise[:, 2 * width :] = noise[:, width : 2 * width]
    noise = cv2.GaussianBlur(noise, (0, 0), sigmaX=lane_px / 2.5, sigmaY=height / 6)[:, width : 2 * width]
    return (noise - noise.mean()) / noise.std()


def _ranked(values: np.ndarray) -> np.ndarray:
    """The same order, evenly spread over [0, 1]."""
    rank = np.empty(values.size, np.float32)
    rank[values.ravel().argsort()] = np.linspace(0, 1, values.size)
    return rank.reshape(values.shape)


def flow_streaks(flow: np.ndarray, seed: int, grain_px: float, steps: int = 14) -> np.ndarray:
    """(h, w) noise in [0, 1], evenly spread, drawn out along unit vectors (h, w, 2: x, y).

    Line integral convolution (Cabral & Leedom, SIGGRAPH 1993).
    """
    height, width = flow.shape[:2]
    noise = np.random.default_rng(seed).standard_normal((height, width)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), grain_px)
    column, row = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    total = noise.copy()
    for sign in (1.0, -1.0):
        x, y = column.copy(), row.copy()
        for _ in range(steps):
            step = cv2.remap(flow, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            x, y = x + sign * step[..., 0], y + sign * step[..., 1]
            total += cv2.remap(noise, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return _ranked(total)
