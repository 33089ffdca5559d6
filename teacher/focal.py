"""Focal length of pictures that do not tell it: a search over the field of view.

One picture hardly shows its focal length; what perspective there is in a face decides, together with what lenses people
use. The energy has many flat stretches along it, so it is not left to the gradient: the fit is run at several focal
lengths, and the best is refined by a parabola through its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from shared.config import FocalConfig
from teacher.evidence import FaceEvidence
from teacher.fitter import HeadFitter


def search_focal(
    fitter: HeadFitter, evidence_at: Callable[[Tensor], FaceEvidence], assumed: Tensor, config: FocalConfig
) -> Tensor:
    """The most probable focal length of each picture, relative to the one assumed.

    Args:
        fitter: of the head.
        evidence_at: what is seen (B rows) if the focal lengths are these times the assumed ones (B,).
        assumed: (B,) focal length as its 35 mm equivalent, millimetres.
        config: the search.

    Returns:
        (B,) factors.
    """
    logs = torch.linspace(math.log(config.shortest_35mm), math.log(config.longest_35mm), config.steps).to(assumed)
    middle, spread = math.log(config.typical_35mm), config.log_std
    energies = []
    for log in logs:
        found = fitter.fit(evidence_at(log.exp() / assumed))
        energies.append(found.energy + 0.5 * ((log - middle) / spread) ** 2)
    best = parabola_minimum(logs, torch.stack(energies, -1))
    return best.exp() / assumed


def parabola_minimum(places: Tensor, values: Tensor) -> Tensor:
    """(B,) where the parabola through the lowest of (B, K) values and its neighbours is lowest; places (K,) even."""
    lowest = values.argmin(-1, keepdim=True)
    inner = lowest.clamp(1, len(places) - 2)
    low, here, high = (values.gather(-1, inner + step)[..., 0] for step in (-1, 0, 1))
    bend = low - 2 * here + high
    offset = 0.5 * (low - high) / torch.where(bend > 0, bend, 1)
    offset = torch.where(bend > 0, offset.clamp(-0.5, 0.5), 0)
    at_end = (lowest != inner)[..., 0]
    step = places[1] - places[0]
    return torch.where(at_end, places[lowest[..., 0]], places[inner[..., 0]] + offset * step)
