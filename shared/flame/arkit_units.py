"""How much of each ARKit unit there is in the motion of a face, as a linear function of what moves it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from shared.flame.model import FlameModel

_LEAST_MOTION_M2 = 1e-6  # squared motion of the whole face: the tongue moves nothing of it
_JAW_STEP = 0.05  # radians, over which the jaw's motion is taken as linear


def face_motions(model: FlameModel) -> Tensor:
    """(V, 3, E + 5) motion of the mean head's vertices by expression coefficients, jaw (radians) and eyelids."""
    rest = model.neutral_params(3)
    with torch.no_grad():
        turned = replace(rest, jaw=_JAW_STEP * torch.eye(3).to(rest.jaw))
        jaw = (model(turned).verts_m - model(rest).verts_m) / _JAW_STEP
    _, expression, eyelids = model.blendshapes.split([model.n_shape, model.n_expression, 2], -1)
    return torch.cat([expression, jaw.permute(1, 2, 0), eyelids], -1)


def unit_readings(model: FlameModel) -> Tensor:
    """(U, E + 5) of [expression, jaw, eyelids] to the activation of each ARKit unit of the head.

    The motion of the face is projected on the motion of the unit, so a unit reads 1 at its own full activation, and
    units that move the same skin read each other; one that moves no skin reads 0.
    ValueError if the head has no ARKit units.
    """
    arkit = model.assets.arkit
    if arkit is None:
        raise ValueError(f"head {model.assets.name!r} has no ARKit units")
    face = model.assets.region("face") | model.assets.region("lids")
    motions = face_motions(model)[face.to(model.faces.device)].flatten(0, 1)
    gram = motions.T @ motions
    units = torch.cat([arkit.expression, arkit.jaw, torch.zeros(2, len(arkit.names))]).T.to(gram)
    own = torch.einsum("uk,kl,ul->u", units, gram, units)
    moving = own > _LEAST_MOTION_M2
    return torch.where(moving[:, None], units @ gram / torch.where(moving, own, 1.0)[:, None], 0.0)
