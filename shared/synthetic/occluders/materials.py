"""What occluders are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.synthetic.face.tones import base_tone
from shared.synthetic.occluders.look import Rgb
from shared.synthetic.scene.colour import srgb_to_linear
from shared.synthetic.scene.scene import Hits, Shading


def draw_colour(rng: np.random.Generator, saturation: float = 0.42) -> Rgb:
    """Linear RGB of something made: often black, white or grey, else any hue."""
    value = rng.uniform(0.08, 0.92)
    kind = rng.random()
    if kind < 0.25:
        value = rng.uniform(0.07, 0.2)
    elif kind < 0.35:
        value = rng.uniform(0.85, 0.95)
    grey = rng.random() < 0.4
    hue = 2 * math.pi * (rng.random() + np.array([0.0, 1 / 3, 2 / 3]))
    tint = 1 + (0.06 if grey else rng.uniform(0.2, 1.0) * saturation) * np.cos(hue)
    red, green, blue = srgb_to_linear(np.clip(value * tint, 0.04, 0.96)).tolist()
    return red, green, blue


@dataclass(frozen=True)
class Plain:
    """One colour: plastic, metal, rubber, painted things."""

    rgb: Rgb
    specular: float = 0.04
    roughness: float = 0.35

    def __call__(self, hits: Hits) -> Shading:
        albedo = hits.position_m.new_tensor(self.rgb).expand(len(hits.position_m), 3)
        return Shading(albedo=albedo, specular=self.specular, roughness=self.roughness)


@dataclass(frozen=True)
class Tortoise:
    """Brown spots in amber, or any second colour in blotches over a first."""

    rgb: Rgb
    spots_rgb: Rgb
    spots_per_uv: tuple[float, float]

    def __call__(self, hits: Hits) -> Shading:
        u, v = (hits.uv * hits.uv.new_tensor(self.spots_per_uv) * (2 * math.pi)).unbind(-1)
        wave = torch.sin(u + 1.3 * torch.sin(v)) + torch.sin(1.7 * u - 0.8 * v + 1.0) + 0.7 * torch.sin(2.9 * u + v)
        share = torch.sigmoid(3 * wave)[:, None]
        first, second = hits.uv.new_tensor(self.rgb), hits.uv.new_tensor(self.spots_rgb)
        return Shading(albedo=first + (second - first) * share, specular=0.05, roughness=0.2)


@dataclass(frozen=True)
class Mirror:
    """A lens or a screen: dark itself, with a sky above and ground below in its reflection."""

    rgb: Rgb
    sky: Rgb
    strength: float
    fade: float = 0.0  # how much lighter the lens is at its lower end

    def __call__(self, hits: Hits) -> Shading:
        facing = (hits.normal * hits.view).sum(1)
        up = 2 * facing * hits.normal[:, 1] - hits.view[:, 1]
        fresnel = self.strength + (1 - self.strength) * (1 - facing.clamp(0, 1)) ** 5
        share = (fresnel * torch.sigmoid(6 * up + 0.8))[:, None]
        own = hits.position_m.new_tensor(self.rgb)
        if self.fade:
            own = own * (1 + self.fade * hits.uv[:, 1:])
        return Shading(albedo=own + (hits.position_m.new_tensor(self.sky) - own) * share, specular=0.05, roughness=0.06)


@dataclass(frozen=True)
class Cloth:
    """Woven or knitted: a fine texture that bends the normals, with stripes or checks of a second colour.

    Above the size of a sub-pixel the texture fades out.
    """

    rgb: Rgb
    second_rgb: Rgb
    size_m: tuple[float, float]  # what u and v from 0 to 1 span, about
    thread_m: float  # spacing of ribs or threads
    relief: float  # 0 smooth, 1 coarse knit
    stripes: tuple[float, float] = (0.0, 0.0)  # how many along u and along v; both give checks
    folds: float = 0.0  # slow unevenness of the normals
    fuzz: float = 0.0  # light that grazes wool

    def __call__(self, hits: Hits) -> Shading:
        u, v = hits.uv.unbind(-1)
        fine = (1.5 - 2.5 * hits.pixel_m / self.thread_m).clamp(0, 1) * self.relief
        threads = 2 * math.pi / self.thread_m
        across, along = torch.sin(u * (self.size_m[0] * threads)), torch.sin(v * (self.size_m[1] * threads))
        shade = 1 + 0.22 * fine * across * (0.6 + 0.4 * along)
        albedo = hits.position_m.new_tensor(self.rgb).expand(len(u), 3)
        if any(self.stripes):
            wave = sum(torch.cos(2 * math.pi * n * x) for n, x in zip(self.stripes, (u, v), strict=True) if n)
            share = torch.sigmoid(8 * (torch.as_tensor(wave) - 0.3))[:, None]
            albedo = albedo + (hits.position_m.new_tensor(self.second_rgb) - albedo) * share
        albedo = albedo * shade[:, None]
        if self.fuzz:
            grazing = (1 - (hits.normal * hits.view).sum(1).clamp(0, 1)) ** 3
            albedo = albedo * (1 + self.fuzz * grazing)[:, None]
        bend = torch.stack([0.35 * fine * across, 0.25 * fine * along, torch.zeros_like(u)], -1)
        if self.folds:
            slow = hits.position_m * 55
            bend = bend + self.folds * torch.sin(slow + 2 * torch.sin(slow.roll(1, 1) * 0.6))
        return Shading(
            albedo=albedo.clamp(0, 0.95),
            specular=0.03,
            roughness=0.85,
            normal=unit(hits.normal + bend),
            occlusion=0.85 + 0.15 * shade.clamp(0, 1),
        )


@dataclass(frozen=True, eq=False)
class HandSkin:
    """The skin of a hand, a little redder over the joints, and nails."""

    melanin: float
    redness: Tensor  # (V,) of the surface's vertices: joints and finger tips
    nails: Tensor  # (V,)
    occlusion: Tensor  # (V,) share of the ambient light that gets there

    def __call__(self, hits: Hits) -> Shading:
        base = base_tone(self.melanin, warmth=0.2, blood=0.05).tolist()
        red, nail, free = hits.at_vertices(torch.stack([self.redness, self.nails, self.occlusion], 1)).unbind(-1)
        spots = torch.sin(hits.position_m * 190 + 2.2 * torch.sin(hits.position_m.roll(1, 1) * 130)).sum(1)
        albedo = hits.position_m.new_tensor(base) * (1 + 0.02 * spots)[:, None]
        albedo = albedo * (1 - red[:, None] * hits.position_m.new_tensor([0.06, 0.22, 0.20]))
        nail = nail[:, None]
        albedo = albedo + nail * (0.55 * albedo + hits.position_m.new_tensor([0.26, 0.16, 0.15]) - albedo)
        return Shading(
            albedo=albedo.clamp(0, 0.9),
            specular=0.028 + 0.02 * nail[:, 0],
            roughness=0.5 - 0.3 * nail[:, 0],
            occlusion=free,
            wrap=(0.25, 0.1, 0.06),
        )
