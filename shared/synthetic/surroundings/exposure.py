"""From a plan of the light and a background to radiance: tint by the place, white balance, exposure."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch

from shared.render.shading import irradiance
from shared.synthetic.scene.colour import LUMINANCE
from shared.synthetic.scene.lighting import Lamp, Lighting
from shared.synthetic.surroundings.light_colour import six_walls
from shared.synthetic.surroundings.lights import LightPlan

SKIN = 0.35  # albedo of a middling skin, which the exposure is made for
_SKIN_LEVEL = 0.42  # radiance of such skin where most light falls
_BACKGROUND_LEVEL = 0.28  # mean luminance that backgrounds are drawn towards
_DARKEST_WALL = 0.12  # of the mean: no place is black on one side


def bright_side(rng: np.random.Generator, background: np.ndarray) -> float:
    """-1 or 1: the side of the picture that light comes from, in most draws the brighter one."""
    left, right = (np.minimum(thirds, 2) @ LUMINANCE for thirds in _places(background)[1, ::2])
    lean = (right - left) / (right + left + 1e-6)
    return 1.0 if rng.random() < 0.5 + 0.4 * math.tanh(4 * lean) else -1.0


def draw_lighting(rng: np.random.Generator, plan: LightPlan, background: np.ndarray) -> Lighting:
    """The light of a plan in the place that a background (H, W, 3) shows, exposed for skin."""
    surround = _surround(rng, plan, background)
    colours = np.array([lamp.rgb for lamp in plan.lamps], np.float32)
    strengths = np.array([lamp.strength for lamp in plan.lamps], np.float32)
    # The camera has taken back most of the mean colour of the light.
    mean = (surround[0] / 3.545 + (colours * strengths[:, None]).sum(0)).clip(1e-4)
    balance = (mean / (mean @ LUMINANCE)) ** -np.float32(rng.uniform(0.5, 1.0))
    lamps = [
        Lamp(lamp.direction, colour * lamp.strength * balance, lamp.radius_rad)
        for lamp, colour in zip(plan.lamps, colours, strict=True)
    ]
    lighting = Lighting(surround * balance, tuple(lamps))
    gain = np.float32(_SKIN_LEVEL * plan.exposure / brightest_skin(lighting))
    scaled = tuple(Lamp(lamp.direction, lamp.rgb * gain, lamp.radius_rad) for lamp in lamps)
    return Lighting(lighting.surround * gain, scaled)


def brightest_skin(lighting: Lighting) -> float:
    """Luminance of middling skin where it is brightest on a face towards the viewer, without highlights."""
    ambient = irradiance(torch.from_numpy(_FACE_NORMALS), torch.from_numpy(lighting.surround)).numpy() / math.pi
    lamps = sum((np.maximum(_FACE_NORMALS @ lamp.direction, 0)[:, None] * lamp.rgb for lamp in lighting.lamps), ambient)
    return float(SKIN * (lamps @ LUMINANCE).max())


def expose_background(rng: np.random.Generator, background: np.ndarray, plan: LightPlan) -> np.ndarray:
    """The background as bright as a picture of this light shows it: between its own and a usual brightness."""
    mean = float(np.minimum(_places(background), 2).mean((0, 1)) @ LUMINANCE)
    usual = (_BACKGROUND_LEVEL / max(mean, 0.02)) ** 0.35
    gain = usual * plan.background * math.sqrt(plan.exposure) * math.exp(rng.normal(0, 0.2))
    return background * np.float32(gain)


def _surround(rng: np.random.Generator, plan: LightPlan, background: np.ndarray) -> np.ndarray:
    """(9, 3): six walls tinted by what the picture shows on each side."""
    seen = _places(background)
    before = seen.mean((0, 1))
    walls = np.stack([seen[:, 2].mean(0), seen[:, 0].mean(0), seen[0].mean(0), seen[2].mean(0), before, before])
    light = (walls @ LUMINANCE)[:, None]
    tint = 0.0 if rng.random() < 0.15 else rng.uniform(0.3, 1.0)
    walls = light + np.float32(tint) * (walls - light)
    # Walls of a picture differ more than those of the place around it.
    middle = float(light.mean()) + 1e-3
    walls = walls / middle * (light / middle + _DARKEST_WALL) ** np.float32(-0.4) + _DARKEST_WALL
    walls[2] *= plan.sky
    walls[3] *= plan.ground
    return six_walls(walls * np.float32(plan.ambient / float((walls @ LUMINANCE).mean())))


def _places(background: np.ndarray) -> np.ndarray:
    """(3, 3, 3) mean colours of the nine thirds of a picture, rows from the top."""
    return cv2.resize(background, (3, 3), interpolation=cv2.INTER_AREA)


def _normals(count: int = 24) -> np.ndarray:
    """(N, 3) float32 evenly spread normals within 55 degrees of the viewer, on a golden-angle spiral."""
    z = np.linspace(1, 0.57, count)
    turn = np.arange(count) * math.pi * (3 - math.sqrt(5))
    flat = np.sqrt(1 - z**2)
    return np.stack([np.cos(turn) * flat, np.sin(turn) * flat, z], 1).astype(np.float32)


_FACE_NORMALS = _normals()
