"""Short hair: a tuft at each root, combed by a flow over the skull; head frame."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from shared.geometry.meshes import unit
from shared.synthetic.hair.ribbons import Strands, ribbons, tangents
from shared.synthetic.hair.skull import CROWN, Roots, Skull, compass, toward
from shared.synthetic.hair.styles import Flow, Tufts

_HALF_WIDTH_M = 0.0055
_CLEARANCE_M = 0.0025
_TURN_M = 0.028  # length of hair in one turn of a curl


def tufts(
    skull: Skull,
    roots: Roots,
    depth: np.ndarray,
    sides: np.ndarray,
    neutral_m: Tensor,
    style: Tufts,
    side: float,
    volume: float,
    rng: np.random.Generator,
) -> Strands:
    """The hair of ``style`` on a neutral head (V, 3).

    ``depth`` (N,) is how far inside the person's hairline the roots lie, radians, and ``sides`` (N,) 0 on the top to 1
    on sides and back. ``side`` -1 or 1 is where the parting is;
    ``volume`` is about 1.
    """
    chosen = np.flatnonzero(depth[: style.count] > 0.01)
    where = torch.from_numpy(chosen).to(neutral_m.device)
    start = roots.places.of(neutral_m)[where]

    def column(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(neutral_m.device)[:, None]

    low = column(sides[chosen])
    out = unit(start - skull.centre_m)
    comb = unit((1 - low) * _top_flow(out, style.flow, side) + low * _side_flow(out))
    comb = unit(comb + style.mess * _disorder(rng, roots.uv[chosen]).to(comb))
    length = torch.lerp(torch.full_like(low, style.top_m), torch.full_like(low, style.sides_m), low)
    length = length * column(rng.uniform(0.8, 1.1, len(chosen)) * (depth[chosen] / 0.10).clip(0.5, 1))
    lift = style.lift * (1 - 0.9 * (1 - style.lift) * low) * column(rng.uniform(0.75, 1.25, len(chosen)))
    # Tufts lie on each other: the longer the hair, the thicker.
    bed = _CLEARANCE_M + 0.17 * volume * length * column(rng.random(len(chosen)))
    curves = _grown(skull, start, out, comb, length, lift, bed, 11 if style.curl_m else 6)
    if style.curl_m:
        curves = _curled(curves, length, style.curl_m, rng)
        curves = skull.outside(curves, _CLEARANCE_M)
    return ribbons(curves, _across(skull, curves, rng, 1.0), _depth_light(curves))


def _grown(
    skull: Skull, start: Tensor, out: Tensor, comb: Tensor, length: Tensor, lift: Tensor, bed: Tensor, steps: int
) -> Tensor:
    """(N, steps, 3) step by step; hair rises by ``lift`` at its root and lies down above ``bed`` (N, 1), metres."""
    at, away = start + 0.001 * out, out
    rise, keeps = (
        (0.15 + lift) / (1.15 - lift).clamp_min(0.15),
        (0.25 + 0.7 * lift).clamp_max(0.97) ** (5 / (steps - 1)),
    )
    places = [at]
    for _ in range(steps - 1):
        flat = unit(comb - away * (comb * away).sum(1, keepdim=True))
        heading = unit(flat + rise * away - flat.new_tensor([0.0, 0.08, 0.0]))
        at = skull.outside(at + heading * length / (steps - 1), bed)
        places.append(at)
        away, rise = unit(at - skull.centre_m), rise * keeps
    return torch.stack(places, 1)


def _curled(curves: Tensor, length_m: Tensor, radius_m: float, rng: np.random.Generator) -> Tensor:
    """Wind curves (N, T, 3) around themselves."""
    n, steps = curves.shape[:2]
    t = torch.linspace(0, 1, steps, device=curves.device)
    phase = torch.from_numpy(rng.uniform(0, 6.28, (n, 1)).astype(np.float32)).to(curves.device)
    angle = phase + 6.28 * length_m / _TURN_M * t
    along = tangents(curves)
    first = unit(torch.linalg.cross(along, torch.roll(along, 1, -1) + 0.3))
    second = torch.linalg.cross(along, first)
    grow = radius_m * (3 * t).clamp_max(1)
    return curves + (grow * angle.cos())[..., None] * first + (grow * angle.sin())[..., None] * second


def _across(skull: Skull, curves: Tensor, rng: np.random.Generator, width: float) -> Tensor:
    """(N, T, 3) half the ribbons, flat on the head but for a random twist."""
    n = len(curves)
    along, out = tangents(curves), skull.outward(curves)
    flat = unit(torch.linalg.cross(along, out))
    twist = torch.from_numpy(rng.normal(0, 0.35, (n, 1, 1)).astype(np.float32)).to(curves.device)
    half = _HALF_WIDTH_M * width * torch.from_numpy(rng.uniform(0.7, 1.3, (n, 1, 1)).astype(np.float32)).to(twist)
    return half * (twist.cos() * flat + twist.sin() * torch.linalg.cross(flat, along))


def _depth_light(curves: Tensor) -> Tensor:
    """(N, T) less light at the roots."""
    rise = torch.linspace(0, 1, curves.shape[1], device=curves.device)
    return (0.45 + 0.65 * rise).clamp_max(1).expand(curves.shape[:2])


def _top_flow(out: Tensor, flow: Flow, side: float) -> Tensor:
    if flow == "crown":
        return -toward(out, CROWN.pole)
    azimuth, elevation = {"forward": (12 * side, 0), "side": (-75 * side, 8), "back": (180, 0), "up": (172 * side, 40)}[
        flow
    ]
    ahead = toward(out, compass(azimuth, elevation).tolist())
    behind = -toward(out, CROWN.pole)
    back_of_head = ((-out[:, 2:] - 0.35) / 0.3).clamp(0, 1)  # hair behind the crown hangs whatever the front does
    return torch.lerp(ahead, behind, back_of_head)


def _side_flow(out: Tensor) -> Tensor:
    return unit(toward(out, (0.0, -1.0, 0.0)) + 0.45 * toward(out, (0.0, -0.2, -1.0)))


def _disorder(rng: np.random.Generator, uv: np.ndarray) -> Tensor:
    """(N, 3) directions that neighbours share in part."""
    coarse = torch.from_numpy(rng.standard_normal((1, 3, 22, 22)).astype(np.float32))
    at = torch.from_numpy(2 * uv - 1)[None, None]
    shared = grid_sample(coarse, at, align_corners=False)[0, :, 0].T
    return 1.1 * shared + torch.from_numpy(0.4 * rng.standard_normal((len(uv), 3)).astype(np.float32))
