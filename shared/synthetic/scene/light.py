"""Light on what is seen: a surround in spherical harmonics, and lamps with a diffuse and a glossy answer.

Glossy light is the GGX distribution with the approximations of Karis, "Physically Based Shading on Mobile" (2014);
hair shines after Kajiya & Kay, "Rendering Fur with Three Dimensional Textures" (SIGGRAPH 1989), in the two lobes of
Scheuermann, "Practical Real-Time Hair Rendering and Shading" (SIGGRAPH 2004). Colours are linear.

`radiance` is torch; on the CPU the same formulas run as one pass over the points (`light_numba`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.render.shading import irradiance, sh_basis
from shared.synthetic.scene.lamps import BLEED, LEAN, MIN_ROUGHNESS, SHARP, STRONG, Lamps, column
from shared.synthetic.scene.light_numba import radiance_numba
from shared.synthetic.scene.scene import Hits, Shading


def radiance(hits: Hits, shading: Shading, lamps: Lamps) -> Tensor:
    """(P, 3) light that the places send to the camera."""
    if hits.position_m.device.type == "cpu":
        return radiance_numba(hits, shading, lamps)
    return radiance_torch(hits, shading, lamps)


def radiance_torch(hits: Hits, shading: Shading, lamps: Lamps) -> Tensor:
    """`radiance` on any device."""
    arrives = [
        lamps.shadows.arrives(row, direction, hits.position_m, hits.normal)
        for row, direction in enumerate(lamps.direction)
    ]
    return (_surface if shading.strand is None else _hair)(hits, shading, lamps, arrives)


def _surface(hits: Hits, shading: Shading, lamps: Lamps, arrives: list[Tensor]) -> Tensor:
    normal = hits.normal if shading.normal is None else shading.normal
    seen_on = (normal * hits.view).sum(1).clamp(1e-3, 1)  # cosine to the viewer
    opening = column(shading.occlusion, seen_on)
    bleed = seen_on.new_tensor(BLEED if any(shading.wrap) else (1.0, 1.0, 1.0))
    diffuse = irradiance(normal, lamps.surround) / math.pi * opening[:, None] ** bleed
    roughness = column(shading.roughness, seen_on).clamp(MIN_ROUGHNESS, 1)
    facing = column(shading.specular, seen_on)
    mirrored = 2 * seen_on[:, None] * normal - hits.view
    reflected = (sh_basis(mirrored) @ lamps.surround).clamp_min(0)
    share = facing + 0.5 * (torch.maximum(1 - roughness, facing) - facing) * (1 - seen_on) ** 5
    glossy = reflected * (share * opening)[:, None]
    wrap = seen_on.new_tensor(shading.wrap)
    for direction, rgb, share in zip(lamps.direction, lamps.rgb, arrives, strict=True):
        light = share[:, None] * rgb
        cosine = normal @ direction
        diffuse = diffuse + light * ((cosine[:, None] + wrap) / (1 + wrap)).clamp_min(0)
        half = unit(hits.view + direction)
        shine = _ggx((normal * half).sum(1), half @ direction, roughness, facing) * cosine.clamp_min(0)
        glossy = glossy + light * (math.pi * shine)[:, None]
    return shading.albedo * diffuse + glossy


def _ggx(normal_half: Tensor, light_half: Tensor, roughness: Tensor, facing: Tensor) -> Tensor:
    """(P) BRDF of the gloss; ``facing`` is the reflectance straight on."""
    squared = roughness**4
    distribution = squared / (math.pi * (normal_half.clamp_min(0) ** 2 * (squared - 1) + 1) ** 2)
    light_half = light_half.clamp(0.05, 1)
    fresnel = facing + (1 - facing) * (1 - light_half) ** 5
    return distribution * fresnel * 0.25 / (light_half**2 * (roughness + 0.5))


def _hair(hits: Hits, shading: Shading, lamps: Lamps, arrives: list[Tensor]) -> Tensor:
    """Strands scatter light all round them, and mirror it into a cone."""
    strand = unit(hits.normal if shading.strand is None else shading.strand)
    opening = column(shading.occlusion, hits.pixel_m)
    colour = irradiance(hits.normal, lamps.surround) * (opening / math.pi)[:, None] * shading.albedo
    lobes = [unit(strand + lean * hits.normal) for lean in LEAN]
    for direction, rgb, share in zip(lamps.direction, lamps.rgb, arrives, strict=True):
        around = (1 - (strand @ direction) ** 2).clamp_min(0).sqrt()
        facing = (0.6 * (hits.normal @ direction) + 0.4).clamp(0, 1)
        half = unit(hits.view + direction)
        white, tinted = (
            strong * (1 - (lobe * half).sum(1) ** 2).clamp_min(0) ** (sharp / 2)
            for lobe, sharp, strong in zip(lobes, SHARP, STRONG, strict=True)
        )
        answer = shading.albedo * (0.75 * around + tinted)[:, None] + white[:, None]
        colour = colour + (share * facing)[:, None] * rgb * answer
    return colour
