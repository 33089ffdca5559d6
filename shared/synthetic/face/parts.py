"""Which triangles of a head are skin, eyes and mouth, and what of them lies where."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.synthetic.face.mouth import SOCKETS, TEETH, TONGUE
from shared.synthetic.scene.smoothstep import smoothstep

_EYES = ("left_eye", "right_eye")
_INSIDE = (*TEETH, *TONGUE, *SOCKETS, "mouth_interior")
_EDGE_M = 0.035  # over which the neck takes the body's tone


def split_faces(assets: FlameAssets) -> dict[str, Tensor]:
    """Rows of ``assets.faces`` of "skin", "eyes" and "mouth"; each row is in one of them, and none is empty.

    A triangle belongs to the eyes or the mouth if all its corners do: those that reach the lips or the lids are skin.
    """
    eyes = _all_in(assets, _EYES)
    mouth = _all_in(assets, _INSIDE) & ~eyes
    masks = {"skin": ~(eyes | mouth), "eyes": eyes, "mouth": mouth}
    return {name: mask.nonzero()[:, 0] for name, mask in masks.items() if bool(mask.any())}


def part_of_face(assets: FlameAssets, rows: dict[str, Tensor]) -> Tensor:
    """(F,) uint8 values of `Part`. The flesh between lids and eyeballs counts as eyes."""
    part = torch.full((len(assets.faces),), int(Part.SKIN), dtype=torch.uint8, device=assets.faces.device)
    part[_all_in(assets, ("neck",))] = Part.NECK
    for name, value in (("eyes", Part.EYES), ("mouth", Part.MOUTH)):
        if name in rows:
            part[rows[name]] = value
    part[_all_in(assets, SOCKETS)] = Part.EYES
    return part


def from_neck_edge(assets: FlameAssets) -> Tensor:
    """(V,) 0 at the open edge of the neck, 1 from some centimetres on; all 1 on a closed mesh."""
    edges = torch.cat([assets.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]).sort(1).values
    unique, count = edges.unique(dim=0, return_counts=True)
    border = unique[count == 1].unique()
    heights = assets.v_template[:, 1]
    low, high = heights.min(), heights.max()
    border = border[heights[border] < low + 0.35 * (high - low)]  # not the holes of eyes and mouth
    if len(border) == 0:
        return torch.ones_like(heights)
    distance = torch.cdist(assets.v_template, assets.v_template[border]).amin(1)
    return smoothstep((distance / _EDGE_M).clamp(0, 1))


def region_share(assets: FlameAssets, name: str) -> Tensor:
    """(V,) 1 on a region, 0 elsewhere or where the head has no such region."""
    mask = assets.regions.get(name)
    return torch.zeros_like(assets.v_template[:, 0]) if mask is None else mask.to(assets.v_template)


def _all_in(assets: FlameAssets, names: Iterable[str]) -> Tensor:
    """(F,) bool: all corners are in one of the regions."""
    inside = torch.zeros(assets.n_vertices, dtype=torch.bool, device=assets.faces.device)
    for name in names:
        if name in assets.regions:
            inside = inside | assets.regions[name]
    return inside[assets.faces].all(1)
