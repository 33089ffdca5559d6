"""Names of vertex regions, and the mirror map of a head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

# FLAME_masks.pkl -> our names. All of FLAME's regions are kept; the eyeballs take the names of their joints.
FLAME_NAMES = {"left_eyeball": "left_eye", "right_eyeball": "right_eye"}
MIRROR_TOLERANCE_M = 2e-3  # between a vertex and the mirror image of its partner


def regions_from_masks(masks: Mapping[str, Any], n_vertices: int) -> dict[str, Tensor]:
    """FLAME's lists of vertex ids -> (V,) bool masks under our names, with "eyes" and "ears" as the pairs.

    ValueError on ids outside the head.
    """
    regions: dict[str, Tensor] = {}
    for flame_name, ids in masks.items():
        index = np.asarray(ids).astype(np.int64).reshape(-1)
        if index.size and (index.min() < 0 or index.max() >= n_vertices):
            raise ValueError(
                f"region {flame_name!r} names vertices {index.min()} to {index.max()}, the head has {n_vertices}"
            )
        mask = torch.zeros(n_vertices, dtype=torch.bool)
        mask[torch.from_numpy(index)] = True
        regions[FLAME_NAMES.get(str(flame_name), str(flame_name))] = mask
    for pair in ("eye", "ear"):
        if f"left_{pair}" in regions and f"right_{pair}" in regions:
            regions[f"{pair}s"] = regions[f"left_{pair}"] | regions[f"right_{pair}"]
    return regions


def mirror_map(v_template: Tensor) -> Tensor | None:
    """(V,) the vertex across x = 0, or None where the template's halves do not pair up one to one.

    ``v_template`` (V, 3) metres in the head frame.
    """
    points = v_template.double().numpy()
    distance, partner = KDTree(points).query(points * [-1, 1, 1])
    distance, partner = np.asarray(distance), np.asarray(partner)
    pairs_up = (partner[partner] == np.arange(len(points))).all()
    if not pairs_up or distance.max() > MIRROR_TOLERANCE_M:
        return None
    return torch.from_numpy(partner.astype(np.int64))
