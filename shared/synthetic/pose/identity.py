"""Who is in the picture, as identity codes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from shared.flame.model import FlameModel
from shared.geometry.meshes import vertex_normals

_LARGEST = 3.0
_NEAR_SKIN_M = 0.006
_TRIES = 50


def draw_identity(model: FlameModel, rng: np.random.Generator) -> Tensor:
    """Identity codes (S,) in standard deviations, on the model's device.

    Codes whose mouth cavity would show through the skin are drawn again: one in four on the open head.
    """
    at_rest_m, by_code_m = _cavity_depth(model)
    codes = torch.zeros(model.n_shape)
    for _ in range(_TRIES):
        drawn = np.clip(rng.standard_normal(model.n_shape), -_LARGEST, _LARGEST)
        codes = torch.tensor(drawn, dtype=torch.float32)
        if bool((at_rest_m + by_code_m @ codes >= 0).all()):
            break
    return codes.to(model.v_template.device)


@lru_cache(maxsize=4)
def _cavity_depth(model: FlameModel) -> tuple[Tensor, Tensor]:
    """How deep the points of the cavity lie that are close under the skin: (P,) metres on the mean head, and (P, S)."""
    assets, regions = model.assets, model.assets.regions
    if not {"mouth_interior", "face", "lips"} <= regions.keys():
        return torch.zeros(0), torch.zeros(0, model.n_shape)
    inside = regions["mouth_interior"] & ~regions["lips"]
    cavity = inside.nonzero()[:, 0]
    skin = (regions["face"] & ~regions["lips"] & ~inside).nonzero()[:, 0]
    distance, nearest = KDTree(assets.v_template[skin].numpy()).query(assets.v_template[cavity].numpy())
    above = skin[torch.as_tensor(nearest)]
    outward = vertex_normals(assets.v_template, assets.faces)[above]
    at_rest = ((assets.v_template[above] - assets.v_template[cavity]) * outward).sum(1)
    close = (torch.as_tensor(distance) < _NEAR_SKIN_M) & (at_rest > 0)
    moved = assets.shapedirs[above[close]] - assets.shapedirs[cavity[close]]
    return at_rest[close], (moved * outward[close][:, :, None]).sum(1)
