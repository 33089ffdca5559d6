"""Procedural colours of the demo heads: skin, lips, brows, lashes, eyes and a cap of hair.

Everything is painted as a function of where a pixel's point lies on the template, so it sticks to the skin, and irises
turn with the eyeballs. Colours are linear RGB.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.flame.landmarks import LEFT_BROW, LEFT_LIDS, OUTER_LIPS, RIGHT_BROW, RIGHT_LIDS
from shared.flame.schema import FlameAssets
from shared.flame.segmentation import SURFACES, surface_of_vertex
from shared.render.irises import IRIS_COSINE, PUPIL_COSINE, eye_axis_cosine
from shared.synthetic.scene.colour import srgb_to_linear
from shared.synthetic.scene.smoothstep import smoothstep

# sRGB of human skin from light to dark, of hair and of irises.
_SKIN = ((250, 218, 196), (236, 188, 158), (214, 160, 122), (180, 122, 84), (132, 82, 54), (88, 54, 38), (58, 37, 29))
_HAIR = ((22, 17, 15), (48, 32, 22), (86, 56, 34), (140, 98, 56), (188, 150, 96), (120, 52, 26), (150, 148, 146))
_IRIS = ((62, 38, 22), (96, 64, 34), (92, 110, 62), (72, 110, 140), (110, 128, 140), (40, 26, 18))
# Linear RGB of what is the same on every head.
_FIXED = {"teeth": (0.72, 0.68, 0.58), "tongue": (0.36, 0.14, 0.13), "cavity": (0.09, 0.03, 0.03)}
_SCLERA, _PUPIL = (0.70, 0.67, 0.64), 0.012

_CHART_PX_PER_M = 4000
_CHART_LOW_M, _CHART_HIGH_M = (-0.1, -0.14), (0.1, 0.14)  # x and y of the template


@dataclass(frozen=True)
class PaintChart:
    """What the paint needs of one head model, made once."""

    attributes: Tensor  # (V, 3 + P + 2) template position, share of each part, eye-axis cosine, hair
    hair: Tensor  # (V,) 0 to 1, smooth
    frontal: np.ndarray  # (h, w, 3) float32 frontal view of the template: lips, brows, lash line

    @staticmethod
    def of(assets: FlameAssets) -> PaintChart:
        """Build the chart. KeyError if the head has no "mediapipe" landmarks or no "scalp"."""
        hair = _smooth(assets.region("scalp").float(), assets.faces, 2)
        parts = torch.nn.functional.one_hot(surface_of_vertex(assets), len(SURFACES)).float()
        hair = hair * parts[:, 0]
        columns = [assets.v_template, parts, eye_axis_cosine(assets)[:, None], hair[:, None]]
        points = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces)
        return PaintChart(torch.cat(columns, 1), hair, _frontal(points.numpy()))


@dataclass(frozen=True)
class Look:
    """The random appearance of one head. Linear RGB."""

    skin: np.ndarray  # (3,)
    lips: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    brow_strength: float
    bald: bool
    hair_m: float  # thickness of the hair
    waves: np.ndarray  # (K, 4) direction and phase of the blotches, per metre

    @staticmethod
    def random(rng: np.random.Generator) -> Look:
        """Draw one."""
        tone = rng.uniform(0, len(_SKIN) - 1)
        table = srgb_to_linear(np.array(_SKIN) / 255)
        low = min(int(tone), len(_SKIN) - 2)
        skin = (table[low] + (tone - low) * (table[low + 1] - table[low])) * rng.uniform(0.92, 1.08, 3)
        colours = _HAIR if tone < 3.5 else (*_HAIR[:2], _HAIR[-1])  # fair hair is rare on dark skin
        hair = srgb_to_linear(np.array(colours[rng.integers(len(colours))]) / 255) * rng.uniform(0.7, 1.3)
        lips = skin * rng.uniform((0.70, 0.38, 0.40), (0.92, 0.62, 0.66))
        iris = srgb_to_linear(np.array(_IRIS[rng.integers(len(_IRIS))]) / 255) * rng.uniform(0.8, 1.3)
        waves = np.concatenate([rng.normal(0, 60, (6, 3)), rng.uniform(0, 2 * np.pi, (6, 1))], 1)
        return Look(
            skin=skin.astype(np.float32),
            lips=lips.astype(np.float32),
            hair=hair.astype(np.float32),
            iris=iris.astype(np.float32),
            brow_strength=rng.uniform(0.55, 0.95),
            bald=bool(rng.random() < 0.15),
            hair_m=rng.uniform(0.004, 0.02),
            waves=waves.astype(np.float32),
        )


def albedo(chart: PaintChart, look: Look, drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colours (P, 3) of points with the interpolated ``chart.attributes`` (P, 3 + P + 2)."""
    position, parts = drawn[:, :3], drawn[:, 3 : 3 + len(SURFACES)]
    cosine, hair = drawn[:, -2], drawn[:, -1]
    lips, brows, lashes = _sample_chart(chart.frontal, position).T
    blotches = np.sin(position @ look.waves[:, :3].T + look.waves[:, 3]).mean(1)
    skin = look.skin * (1 + np.array([0.10, 0.16, 0.16], np.float32) * blotches[:, None])
    skin = _mix(skin, look.lips, 0.85 * lips)
    grain = 1 + 0.25 * rng.standard_normal((len(drawn), 1), np.float32)
    skin = _mix(skin, look.hair * 0.8 * grain, look.brow_strength * brows)
    skin = _mix(skin, look.hair * 0.3, 0.75 * lashes)
    if not look.bald:
        strands = np.sin(1100 * position[:, 0] + 6 * np.sin(45 * position[:, 1] + 5 * blotches))
        edge = _step(0.35, 0.65, hair + 0.1 * blotches)
        skin = _mix(skin, look.hair * (1 + 0.12 * strands[:, None]) * grain.clip(0.6, 1.4), edge)
    fixed = np.array([_FIXED.get(name, (0, 0, 0)) for name in SURFACES], np.float32)
    out = skin * (parts[:, :1] + parts[:, 1:2]) + parts @ fixed
    eyes = parts[:, SURFACES.index("eyes")] > 0
    out[eyes] += parts[eyes, SURFACES.index("eyes"), None] * _eye(cosine[eyes], look)
    return out


def _eye(cosine: np.ndarray, look: Look) -> np.ndarray:
    """Sclera, an iris with a dark rim, and the pupil."""
    # From the rim (0) to the centre (1).
    inward = (cosine - IRIS_COSINE) / (1 - IRIS_COSINE)
    iris = look.iris * (0.35 + 0.9 * _step(0.0, 0.45, inward))[:, None]
    eye = _mix(np.broadcast_to(np.array(_SCLERA, np.float32), iris.shape), iris, _step(-0.06, 0.06, inward))
    return _mix(eye, np.full(3, _PUPIL, np.float32), _step(PUPIL_COSINE - 0.006, PUPIL_COSINE + 0.002, cosine))


def _mix(under: np.ndarray, over: np.ndarray, share: np.ndarray) -> np.ndarray:
    return under + (over - under) * share[:, None]


def _step(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth between."""
    return smoothstep(np.clip((value - low) / (high - low), 0, 1))


def _smooth(values: Tensor, faces: Tensor, steps: int) -> Tensor:
    """Average (V,) over neighbours, ``steps`` times."""
    start, stop = faces.reshape(-1), faces.roll(-1, 1).reshape(-1)
    count = torch.zeros_like(values).index_add(0, start, torch.ones_like(values[start])).clamp_min(1)
    for _ in range(steps):
        total = torch.zeros_like(values).index_add(0, start, values[stop])
        values = 0.5 * values + 0.5 * total / count
    return values


def _chart_px(position: np.ndarray) -> np.ndarray:
    """Template (N, >= 2) metres -> chart pixels (N, 2)."""
    x = (position[:, 0] - _CHART_LOW_M[0]) * _CHART_PX_PER_M
    return np.stack([x, (_CHART_HIGH_M[1] - position[:, 1]) * _CHART_PX_PER_M], 1)


def _frontal(points: np.ndarray) -> np.ndarray:
    """Draw lips, brows and lash lines from the template's landmarks (478, 3)."""
    width, height = (
        round((high - low) * _CHART_PX_PER_M) for low, high in zip(_CHART_LOW_M, _CHART_HIGH_M, strict=True)
    )
    pixels = np.round(_chart_px(points) * 16).astype(np.int32)  # fixed point with 4 bits
    layers = np.zeros((3, height, width), np.uint8)
    cv2.fillPoly(layers[0], [pixels[list(OUTER_LIPS)]], 255, cv2.LINE_AA, 4)
    cv2.fillPoly(layers[1], [pixels[list(brow)] for brow in (RIGHT_BROW, LEFT_BROW)], 255, cv2.LINE_AA, 4)
    # The first nine of each list are the upper lid.
    upper = [pixels[list(lids[:9])] for lids in (RIGHT_LIDS, LEFT_LIDS)]
    cv2.polylines(layers[2], upper, False, 255, round(0.0016 * _CHART_PX_PER_M), cv2.LINE_AA, 4)
    softness_m = (0.0008, 0.0012, 0.0005)
    blurred = [
        cv2.GaussianBlur(layer, (0, 0), soft * _CHART_PX_PER_M) for layer, soft in zip(layers, softness_m, strict=True)
    ]
    return np.stack(blurred, -1).astype(np.float32) / 255


def _sample_chart(chart: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Nearest texels (P, C) at template positions (P, 3), 0 outside and on the back of the head."""
    column, row = _chart_px(position).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < chart.shape[1]) & (row < chart.shape[0]) & (position[:, 2] > 0.02)
    out = np.zeros((len(position), chart.shape[2]), np.float32)
    out[inside] = chart[row[inside], column[inside]]
    return out
