"""Light on what is seen: a surround in spherical harmonics, and lamps with a diffuse and a glossy answer.

Glossy light is the GGX distribution with the approximations of Karis, "Physically Based Shading on Mobile" (2014);
hair shines after Kajiya & Kay, "Rendering Fur with Three Dimensional Textures" (SIGGRAPH 1989), in the two lobes of
Scheuermann, "Practical Real-Time Hair Rendering and Shading" (SIGGRAPH 2004). Colours are linear.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.render.shading import irradiance, sh_basis
from shared.synthetic.lighting import Lighting
from shared.synthetic.scene import Hits, Shading

_MIN_ROUGHNESS = 0.06  # a sharper highlight than this is a firefly at these resolutions
# What the shadowed skin keeps of each colour: light that enters elsewhere leaves reddened.
_BLEED = (0.85, 1.1, 1.2)


def radiance(hits: Hits, shading: Shading, lighting: Lighting, shadows: list[Tensor]) -> Tensor:
    """(P, 3) light that the places send to the camera.

    ``shadows`` holds for each lamp the share of its light (P) that arrives.
    """
    surround = hits.normal.new_tensor(lighting.surround)
    normal = hits.normal if shading.normal is None else shading.normal
    seen_on = (normal * hits.view).sum(1).clamp(1e-3, 1)  # cosine to the viewer
    if shading.strand is not None:
        return _hair(hits, shading, lighting, surround, shadows)

    open_to_light = _column(shading.occlusion, seen_on)
    if any(shading.wrap):
        open_to_light = open_to_light[:, None] ** seen_on.new_tensor(_BLEED)
    else:
        open_to_light = open_to_light[:, None]
    diffuse = irradiance(normal, surround) * (open_to_light / math.pi)
    roughness = _column(shading.roughness, seen_on).clamp(_MIN_ROUGHNESS, 1)
    facing = _column(shading.specular, seen_on)
    grazing = (1 - seen_on) ** 5
    mirrored = 2 * seen_on[:, None] * normal - hits.view
    reflected = (sh_basis(mirrored) @ surround).clamp_min(0)
    share = facing + (torch.maximum(1 - roughness, facing) - facing) * grazing * 0.5
    glossy = reflected * (share * open_to_light.mean(1))[:, None]
    for lamp, arrives in zip(lighting.lamps, shadows, strict=True):
        light = arrives[:, None] * normal.new_tensor(lamp.rgb)
        towards = normal.new_tensor(lamp.direction)
        cosine = normal @ towards
        diffuse = diffuse + light * _wrapped(cosine, shading.wrap)
        half = unit(hits.view + towards)
        shine = _ggx((normal * half).sum(1), half @ towards, roughness, facing) * cosine.clamp_min(0)
        glossy = glossy + light * (math.pi * shine)[:, None]
    return shading.albedo * diffuse + glossy


def _wrapped(cosine: Tensor, wrap: tuple[float, float, float]) -> Tensor:
    """(P, 3) or (P, 1) share of a lamp's light that is sent on, with the terminator moved by ``wrap``."""
    if not any(wrap):
        return cosine.clamp_min(0)[:, None]
    width = cosine.new_tensor(wrap)
    return ((cosine[:, None] + width) / (1 + width)).clamp_min(0)


def _ggx(normal_half: Tensor, light_half: Tensor, roughness: Tensor, facing: Tensor) -> Tensor:
    """(P) BRDF of the gloss; ``facing`` is the reflectance straight on."""
    squared = roughness**4
    denominator = normal_half.clamp_min(0) ** 2 * (squared - 1) + 1
    distribution = squared / (math.pi * denominator**2)
    light_half = light_half.clamp(0.05, 1)
    fresnel = facing + (1 - facing) * (1 - light_half) ** 5
    return distribution * fresnel * 0.25 / (light_half**2 * (roughness + 0.5))


def _hair(hits: Hits, shading: Shading, lighting: Lighting, surround: Tensor, shadows: list[Tensor]) -> Tensor:
    """Strands: light is scattered all round them, and mirrored into a cone."""
    strand = unit(shading.strand if shading.strand is not None else hits.normal)
    open_to_light = _column(shading.occlusion, hits.pixel_m)[:, None]
    colour = irradiance(hits.normal, surround) * (open_to_light / math.pi) * shading.albedo
    shifted = [unit(strand + shift * hits.normal) for shift in (-0.08, 0.16)]
    for lamp, arrives in zip(lighting.lamps, shadows, strict=True):
        towards = hits.normal.new_tensor(lamp.direction)
        light = arrives[:, None] * hits.normal.new_tensor(lamp.rgb)
        around = (1 - (strand @ towards) ** 2).clamp_min(0).sqrt()
        facing = (0.6 * (hits.normal @ towards) + 0.4).clamp(0, 1)
        half = unit(hits.view + towards)
        white, tinted = ((1 - (lobe * half).sum(1) ** 2).clamp(0, 1).sqrt() for lobe in shifted)
        gloss = (0.05 * white**90)[:, None] + (0.45 * tinted**22)[:, None] * shading.albedo
        colour = colour + light * (shading.albedo * (around * facing * 0.75)[:, None] + gloss * facing[:, None])
    return colour


def _column(value: Tensor | float, like: Tensor) -> Tensor:
    """(P) of a number or a tensor."""
    return value if isinstance(value, Tensor) else torch.full_like(like, value)
