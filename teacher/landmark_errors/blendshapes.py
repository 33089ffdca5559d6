"""Measures `BlendshapeResponse` on heads whose truth is known."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.flame.arkit_units import unit_readings
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.landmarker.blendshapes import BLENDSHAPE_NAMES, blendshape_mirror

LARGEST_STD = 0.4  # a unit whose activation is read worse than this, in full activations, is left out
FRONTAL_RAD = 0.7  # pictures turned further away count for nothing: the coefficients are made for faces in view


def measure_response(model: FlameModel, params: FlameParams, blendshapes: Tensor, yaw_rad: Tensor) -> dict[str, Tensor]:
    """What is stored of the response, see `shared.flame.blendshape_response`.

    Args:
        model: a head with ARKit units.
        params: (N) the true heads.
        blendshapes: (N, 52) the landmarker's coefficients of their pictures.
        yaw_rad: (N,) of the pictures.
    """
    arkit = model.assets.arkit
    assert arkit is not None
    unit = torch.tensor([BLENDSHAPE_NAMES.index(name) for name in arkit.names])
    moved = torch.cat([params.expression, params.jaw, params.eyelids], 1)
    frontal = yaw_rad.abs() < FRONTAL_RAD
    activation, seen = (moved @ unit_readings(model).T)[frontal], blendshapes[frontal][:, unit]
    spread = activation.std(0).clamp(min=1e-6)
    slope = ((activation - activation.mean(0)) * (seen - seen.mean(0))).mean(0) / spread**2
    base = seen.mean(0) - slope * activation.mean(0)
    left = (seen - base - slope * activation).std(0)
    base, slope, left = (_same_on_both_sides(values, arkit.names) for values in (base, slope, left))
    std = left / slope.clamp(min=1e-9)
    slope = torch.where((slope > 0) & (std < LARGEST_STD), slope, 0.0)
    std = torch.where(slope > 0, std, 0.0)
    return {f"blendshape_{k}": v for k, v in {"unit": unit, "base": base, "slope": slope, "std": std}.items()}


def _same_on_both_sides(values: Tensor, names: tuple[str, ...]) -> Tensor:
    """(U,) averaged over the left and the right unit of each pair."""
    return (values + values[blendshape_mirror(names)]) / 2
