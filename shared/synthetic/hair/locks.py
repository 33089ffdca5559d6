"""What makes falling hair uneven: sheets that clump and wave, and single locks that leave them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.synthetic.hair.ribbons import Strands, ribbons, smooth_noise, tangents
from shared.synthetic.hair.skull import Skull

_CLUMP_M, _SHIFT_M = 0.0022, 0.005
_WAVE_M = 0.075  # length of a wave
_CLEARANCE_M = 0.003


def layer(
    skull: Skull, curves: Tensor, wave_m: float, lift_m: float, unevenness: float, rng: np.random.Generator
) -> Tensor:
    """Curves (S, T, 3), lifted, waved with an amplitude, clumped (``unevenness`` about 1) and kept out of the head."""
    n, steps = curves.shape[:2]
    rise = torch.linspace(0, 1, steps, device=curves.device)
    noise = torch.from_numpy(
        np.concatenate([smooth_noise(rng, n, n // 3, 2), smooth_noise(rng, n, 9, 2)], 1)
    ).to(curves.device)  # fmt: skip
    out, along = skull.outward(curves), tangents(curves)
    across = unit(torch.linalg.cross(along, out))
    way = torch.cat([curves.new_zeros(n, 1), (curves[:, 1:] - curves[:, :-1]).norm(dim=-1).cumsum(1)], 1)
    angle = 2 * math.pi * way / _WAVE_M + 1.6 * noise[:, 2:3] + 0.7 * noise[:, :1]
    waves = wave_m * ((way - 0.06) / 0.12).clamp(0, 1)
    lift = lift_m * (3 * rise).clamp_max(1) + unevenness * _CLUMP_M * noise[:, :1] * (0.3 + rise) + waves * angle.sin()
    shift = unevenness * _SHIFT_M * noise[:, 1:2] * rise + 0.7 * waves * angle.cos()
    return skull.outside(curves + lift[..., None] * out + shift[..., None] * across, _CLEARANCE_M)


def locks(skull: Skull, curves: Tensor, count: int, rng: np.random.Generator) -> Strands:
    """Ribbons along ``count`` of the curves (S, T, 3), each astray a little."""
    n, steps = curves.shape[:2]
    device = curves.device
    chosen = torch.from_numpy(rng.integers(0, n, count) if count != n else np.arange(n)).to(device)
    rise = torch.linspace(0, 1, steps, device=device)[:, None]

    def drawn(deviation: float, *shape: int) -> Tensor:
        return torch.from_numpy(rng.normal(0, deviation, (count, *shape)).astype(np.float32)).to(device)

    paths = curves[chosen]
    out, along = skull.outward(paths), tangents(paths)
    flat = unit(torch.linalg.cross(along, out))
    bend = torch.sin(2.2 * rise + drawn(2.0, 1, 1))
    paths = paths + flat * (drawn(0.006, 1, 1) * (0.1 + rise) + drawn(0.004, 1, 1) * bend * (2 * rise).clamp_max(1))
    paths = paths + out * (drawn(0.003, 1, 1).abs() + 0.001) * (0.1 + rise)
    twist = drawn(0.4, 1, 1)
    half = 0.006 * (1 + drawn(0.25, 1, 1)).clamp(0.5, 1.6)
    across = half * (twist.cos() * flat + twist.sin() * torch.linalg.cross(flat, along))
    light = torch.linspace(0.7, 1.0, steps, device=device).expand(count, steps)
    return ribbons(skull.outside(paths, _CLEARANCE_M), across, light)
