"""Light on a Lambertian surface as nine spherical-harmonics coefficients; differentiable.

Ramamoorthi & Hanrahan, "An Efficient Representation for Irradiance Environment Maps" (SIGGRAPH 2001). A light is the
radiance that arrives from each direction, L(w) = sum L_i Y_i(w) with the real orthonormal harmonics Y of degrees 0 to
2. The irradiance of a surface with the normal n is then sum A_l L_i Y_i(n), with A = pi, 2 pi / 3, pi / 4: the clamped
cosine is so smooth that nine terms leave about 1 % of error for any light.

Directions point towards the light and share the frame of the normals. Order of the nine: (l, m) = 00, 1-1 (y), 10 (z),
11 (x), 2-2 (xy), 2-1 (yz), 20 (3z^2 - 1), 21 (xz), 22 (x^2 - y^2).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.render.interpolate import interpolate
from shared.render.maps import RenderedMaps, render_maps

# Normalisation of the harmonics.
NORMALISATION = (
    math.sqrt(1 / (4 * math.pi)),  # 0.282095
    math.sqrt(3 / (4 * math.pi)),  # 0.488603
    math.sqrt(15 / (4 * math.pi)),  # 1.092548
    math.sqrt(5 / (16 * math.pi)),  # 0.315392
    math.sqrt(15 / (16 * math.pi)),  # 0.546274
)
# The clamped cosine, one factor a degree, repeated for its orders.
COSINE_LOBE = (math.pi, *(2 * math.pi / 3,) * 3, *(math.pi / 4,) * 5)


def sh_basis(directions: Tensor) -> Tensor:
    """Unit vectors (..., 3) -> the nine harmonics (..., 9)."""
    x, y, z = directions.unbind(-1)
    one = torch.ones_like(x)
    return torch.stack(
        [
            NORMALISATION[0] * one,
            NORMALISATION[1] * y,
            NORMALISATION[1] * z,
            NORMALISATION[1] * x,
            NORMALISATION[2] * x * y,
            NORMALISATION[2] * y * z,
            NORMALISATION[3] * (3 * z**2 - 1),
            NORMALISATION[2] * x * z,
            NORMALISATION[4] * (x**2 - y**2),
        ],
        -1,
    )


def ambient_light(radiance: Tensor) -> Tensor:
    """The same radiance (..., C) from everywhere -> coefficients (..., 9, C)."""
    zeros = torch.zeros_like(radiance)
    return torch.stack([radiance / NORMALISATION[0], *[zeros] * 8], -2)


def directional_light(direction: Tensor, irradiance: Tensor) -> Tensor:
    """A distant source towards ``direction`` (..., 3), unit -> coefficients (..., 9, C).

    ``irradiance`` (..., C) is that of a surface which faces it. Nine terms smooth it to a wide source; away from it
    the sum dips slightly below zero, which `irradiance` clamps.
    """
    # Scaled so that the nine terms, not the whole series, give the irradiance asked for.
    peak = 1 / 4 + 1 / 2 + 5 / 16  # sum of A_l (2 l + 1) / (4 pi)
    return sh_basis(direction)[..., :, None] * (irradiance / peak)[..., None, :]


def irradiance(normals: Tensor, light: Tensor) -> Tensor:
    """Irradiance of unit normals (..., N, 3) under the coefficients (..., 9, C) -> (..., N, C), at least 0."""
    weights = sh_basis(normals) * normals.new_tensor(COSINE_LOBE)
    return (weights @ light).clamp_min(0)


def shade(albedo: Tensor, normal: Tensor, light: Tensor) -> Tensor:
    """Lambertian radiance of maps: albedo (..., C, H, W) and normal (..., 3, H, W) under light (..., 9, C)."""
    height, width = normal.shape[-2:]
    light_per_pixel = irradiance(normal.flatten(-2).transpose(-1, -2), light)
    return albedo * light_per_pixel.transpose(-1, -2).unflatten(-1, (height, width)) / math.pi


def render_head(
    verts_m: Tensor,
    faces: Tensor,
    camera: Camera,
    albedo: Tensor,
    light: Tensor,
    background: Tensor | float = 0.0,
    *,
    backend: str | None = None,
) -> tuple[Tensor, RenderedMaps]:
    """Draw a mesh with a colour per vertex, or per corner of each face.

    Args:
        verts_m: (..., V, 3) metres, world frame.
        faces: (F, 3) int64.
        camera: leading dimensions as those of the vertices.
        albedo: (..., V, 3) or (F, 3, 3), RGB in [0, 1], linear.
        light: (..., 9, 3) coefficients in the **camera** frame.
        background: number, (3,) colour, or image (..., 3, H, W).

    Returns:
        The image (..., 3, H, W), linear radiance without an upper bound, and the maps it was made from.
    """
    maps = render_maps(verts_m, faces, camera, backend=backend)
    colour = interpolate(maps.fragments, albedo, camera.world_to_cam(verts_m), faces, camera)
    image = shade(colour, maps.normal, light)
    if isinstance(background, Tensor) and background.ndim == 1:
        background = background[:, None, None]
    return torch.where(maps.mask[..., None, :, :], image, torch.as_tensor(background).to(image)), maps
