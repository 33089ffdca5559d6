"""`light.radiance_torch` in one pass over the points, for the CPU; a test holds the two together."""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import njit
from torch import Tensor

from shared.render.shading import COSINE_LOBE, NORMALISATION
from shared.synthetic.scene.lamps import BLEED, LEAN, MIN_ROUGHNESS, SHARP, STRONG, Lamps, column
from shared.synthetic.scene.scene import Hits, Shading
from shared.synthetic.scene.shadows import FOCAL_PX, LEAST_FACING, MAP_PX, OFFSET_M, TAPS

_compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "arcp", "nsz", "reassoc"})


def radiance_numba(hits: Hits, shading: Shading, lamps: Lamps) -> Tensor:
    """See `light.radiance`. CPU tensors."""
    out = torch.empty_like(hits.position_m)
    points = (hits.position_m, hits.normal, hits.view)
    light = (
        lamps.surround,
        lamps.direction,
        lamps.rgb,
        lamps.shadows.rotation,
        lamps.shadows.translation,
        lamps.shadows.depth_m,
        lamps.shadows.blur_px,
    )
    opening = column(shading.occlusion, hits.pixel_m)
    if shading.strand is not None:
        own = (shading.strand, opening, shading.albedo)
        _hair(*(_array(one) for one in (*points, *own, *light, out)))
    else:
        normal = hits.normal if shading.normal is None else shading.normal
        gloss = (column(shading.specular, hits.pixel_m), column(shading.roughness, hits.pixel_m))
        own = (normal, opening, *gloss, torch.tensor(shading.wrap), shading.albedo)
        _surface(*(_array(one) for one in (*points, *own, *light, out)))
    return out


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy(), np.float32)


# What the kernels need as numbers: numba compiles them in.
_F = np.float32
_Y0, _Y1, _Y2, _Y3, _Y4 = (_F(value) for value in NORMALISATION)
_A1, _A2 = _F(COSINE_LOBE[1] / math.pi), _F(COSINE_LOBE[4] / math.pi)  # of the irradiance over pi; the first is 1
_FOCAL, _MIDDLE, _OFFSET = _F(FOCAL_PX), _F(MAP_PX / 2), _F(OFFSET_M)
_PI, _ZERO, _HALF, _ONE, _TWO = _F(math.pi), _F(0), _F(0.5), _F(1), _F(2)
_TAPS = np.array(TAPS, np.float32)
_BLEED = tuple(_F(power) for power in BLEED)
_MIN_ROUGHNESS, _LEAST_FACING = _F(MIN_ROUGHNESS), _F(LEAST_FACING)
_LEAN, _SHARP, _STRONG = (tuple(_F(value) for value in pair) for pair in (LEAN, SHARP, STRONG))


@_compiled
def _harmonics(x, y, z, surround, channel, first, second):
    """The surround towards a direction, its degrees 1 and 2 weighted by ``first`` and ``second``."""
    return (
        _Y0 * surround[0, channel]
        + first * _Y1 * (y * surround[1, channel] + z * surround[2, channel] + x * surround[3, channel])
        + second
        * (
            _Y2 * (x * y * surround[4, channel] + y * z * surround[5, channel] + x * z * surround[7, channel])
            + _Y3 * (_F(3) * z * z - _ONE) * surround[6, channel]
            + _Y4 * (x * x - y * y) * surround[8, channel]
        )
    )


@_compiled
def _arrives(lamp, point, normal, p, direction, rotation, translation, depth, blur):
    """`ShadowMaps.arrives` for one point."""
    x = point[p, 0] + _OFFSET * (normal[p, 0] + direction[lamp, 0])
    y = point[p, 1] + _OFFSET * (normal[p, 1] + direction[lamp, 1])
    z = point[p, 2] + _OFFSET * (normal[p, 2] + direction[lamp, 2])
    r, t = rotation[lamp], translation[lamp]
    far = r[2, 0] * x + r[2, 1] * y + r[2, 2] * z + t[2]
    u = (r[0, 0] * x + r[0, 1] * y + r[0, 2] * z + t[0]) * (_FOCAL / far) + _MIDDLE
    v = (r[1, 0] * x + r[1, 1] * y + r[1, 2] * z + t[1]) * (_FOCAL / far) + _MIDDLE
    nx, ny, nz = normal[p, 0], normal[p, 1], normal[p, 2]
    scale = blur[lamp] * far / _FOCAL / max(-(r[2, 0] * nx + r[2, 1] * ny + r[2, 2] * nz), _LEAST_FACING)
    across, down = (
        (r[0, 0] * nx + r[0, 1] * ny + r[0, 2] * nz) * scale,
        (r[1, 0] * nx + r[1, 1] * ny + r[1, 2] * nz) * scale,
    )
    total = _ZERO
    for tap in range(len(_TAPS)):
        column = min(max(int(u + blur[lamp] * _TAPS[tap, 0]), 0), MAP_PX - 1)
        row = min(max(int(v + blur[lamp] * _TAPS[tap, 1]), 0), MAP_PX - 1)
        if depth[lamp, row, column] >= far + _TAPS[tap, 0] * across + _TAPS[tap, 1] * down:
            total += _F(1 / len(_TAPS))
    return total


@_compiled
def _unit(x, y, z):
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


@_compiled
def _surface(
    point, coarse, view, normal, opening, specular, roughness, wrap, albedo,
    surround, direction, rgb, rotation, translation, depth, blur, out,
):  # fmt: skip
    soft = wrap[0] + wrap[1] + wrap[2] > 0
    for p in range(len(point)):
        nx, ny, nz = normal[p, 0], normal[p, 1], normal[p, 2]
        vx, vy, vz = view[p, 0], view[p, 1], view[p, 2]
        seen_on = min(max(nx * vx + ny * vy + nz * vz, _F(1e-3)), _ONE)
        rough, facing = min(max(roughness[p], _MIN_ROUGHNESS), _ONE), specular[p]
        mx, my, mz = _TWO * seen_on * nx - vx, _TWO * seen_on * ny - vy, _TWO * seen_on * nz - vz
        grazing = (_ONE - seen_on) ** 2
        grazing = grazing * grazing * (_ONE - seen_on)
        share = (facing + _HALF * (max(_ONE - rough, facing) - facing) * grazing) * opening[p]
        for c in range(3):
            bleed = opening[p] ** _BLEED[c] if soft else opening[p]
            diffuse = max(_harmonics(nx, ny, nz, surround, c, _A1, _A2), _ZERO) * bleed
            out[p, c] = albedo[p, c] * diffuse + share * max(_harmonics(mx, my, mz, surround, c, _ONE, _ONE), _ZERO)
        squared = rough**4
        for lamp in range(len(direction)):
            lx, ly, lz = direction[lamp, 0], direction[lamp, 1], direction[lamp, 2]
            cosine = nx * lx + ny * ly + nz * lz
            if cosine <= -max(wrap[0], wrap[1], wrap[2]):
                continue
            arrives = _arrives(lamp, point, coarse, p, direction, rotation, translation, depth, blur)
            if arrives == _ZERO:
                continue
            shine = _ZERO
            if cosine > _ZERO:
                hx, hy, hz = _unit(vx + lx, vy + ly, vz + lz)
                normal_half = max(nx * hx + ny * hy + nz * hz, _ZERO)
                light_half = min(max(hx * lx + hy * ly + hz * lz, _F(0.05)), _ONE)
                spread = normal_half * normal_half * (squared - _ONE) + _ONE
                fifth = (_ONE - light_half) ** 2
                fresnel = facing + (_ONE - facing) * fifth * fifth * (_ONE - light_half)
                shine = (
                    squared / (_PI * spread * spread) * fresnel * _F(0.25)
                    / (light_half * light_half * (rough + _HALF)) * cosine * _PI
                )  # fmt: skip
            for c in range(3):
                lit = max((cosine + wrap[c]) / (_ONE + wrap[c]), _ZERO)
                out[p, c] += arrives * rgb[lamp, c] * (albedo[p, c] * lit + shine)


@_compiled
def _hair(
    point, normal, view, strand, opening, albedo,
    surround, direction, rgb, rotation, translation, depth, blur, out,
):  # fmt: skip
    for p in range(len(point)):
        nx, ny, nz = normal[p, 0], normal[p, 1], normal[p, 2]
        sx, sy, sz = _unit(strand[p, 0], strand[p, 1], strand[p, 2])
        for c in range(3):
            out[p, c] = max(_harmonics(nx, ny, nz, surround, c, _A1, _A2), _ZERO) * opening[p] * albedo[p, c]
        ax, ay, az = _unit(sx + _LEAN[0] * nx, sy + _LEAN[0] * ny, sz + _LEAN[0] * nz)
        bx, by, bz = _unit(sx + _LEAN[1] * nx, sy + _LEAN[1] * ny, sz + _LEAN[1] * nz)
        for lamp in range(len(direction)):
            lx, ly, lz = direction[lamp, 0], direction[lamp, 1], direction[lamp, 2]
            facing = min(max(_F(0.6) * (nx * lx + ny * ly + nz * lz) + _F(0.4), _ZERO), _ONE)
            if facing == _ZERO:
                continue
            arrives = _arrives(lamp, point, normal, p, direction, rotation, translation, depth, blur) * facing
            if arrives == _ZERO:
                continue
            along = sx * lx + sy * ly + sz * lz
            around = math.sqrt(max(_ONE - along * along, _ZERO))
            hx, hy, hz = _unit(view[p, 0] + lx, view[p, 1] + ly, view[p, 2] + lz)
            white = max(_ONE - (ax * hx + ay * hy + az * hz) ** 2, _ZERO) ** (_SHARP[0] * _HALF) * _STRONG[0]
            tinted = max(_ONE - (bx * hx + by * hy + bz * hz) ** 2, _ZERO) ** (_SHARP[1] * _HALF) * _STRONG[1]
            for c in range(3):
                out[p, c] += arrives * rgb[lamp, c] * (albedo[p, c] * (_F(0.75) * around + tinted) + white)
