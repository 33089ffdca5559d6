"""How much of a person's deviation from the mean head a prediction information.

At every judged place there are three values: the predicted one ``p``, the true one ``t``, and ``m``, that of the mean
head posed as the true head. The deviations are

- normals: ``p - (p . m) m`` and ``t - (t . m) m``, the parts across ``m``: two components in its tangent plane, as
  sines of angles;
- points in the picture: ``p - m`` and ``t - m``, two components in millimetres at the depth of the face;
- UV: the same of the points of the template that they name, three components in millimetres.

The **correlation** is the cosine between the two lists of deviations, all components of all places pooled:
``sum(p . t) / sqrt(sum(p . p) sum(t . t))``. Nothing is centred: the mean head is the zero. 1: the prediction deviates
where and as the person does (whatever the strength); 0: its deviations say nothing of the person, be they large or
small; a prediction that hardly deviates at all has no correlation. The **strength** is ``sum(p . t) / sum(t . t)``, the
share of the true deviation that the prediction shows: 1 if it is right on average.

``m`` is what the mean head shows at the pixel, so that its features that lie elsewhere than the person's count as
deviations too; normals are also judged against its normal at the same place of the head, which leaves the shape alone.

Their intervals are of a bootstrap over people (`shared.evaluate.intervals`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.intervals import Estimate, Ratio, draws, interval, person_sums

LEAST_DEVIATION = 1e-3  # of the true ones, root mean squares: a prediction that deviates by less has no correlation
PRODUCTS = 3  # sum(p . t), sum(p . p), sum(t . t)


@dataclass(frozen=True)
class Agreement:
    """Of predicted and true deviations."""

    correlation: Estimate
    strength: Estimate


def across(vectors: Tensor, normals: Tensor) -> Tensor:
    """(..., 3) less their parts along unit normals (..., 3)."""
    return vectors - (vectors * normals).sum(-1, keepdim=True) * normals


def products(predicted: Tensor, true: Tensor) -> Tensor:
    """Deviations (K, D) and (K, D) -> (K, 3) products at every place; sums of them are what `agreement` takes."""
    return torch.stack([(a * b).sum(-1) for a, b in ((predicted, true), (predicted, predicted), (true, true))], -1)


def agreement(people: Sequence[str], sums: np.ndarray) -> Agreement | None:
    """Of pictures with their products' sums (N, 3) and the names of whom they show.

    None where the truth does not deviate, or the prediction hardly does.
    """
    if len(people) == 0:
        return None
    ratios = {"pt, pp": Ratio(sums[:, 0], sums[:, 1]), "tt": Ratio(sums[:, 2], sums[:, 2])}  # type: ignore[arg-type]
    top, bottom = person_sums(people, ratios)
    each = np.stack([top[:, 0], bottom[:, 0], top[:, 1]], 1)  # (P, 3)
    total = each.sum(0)
    if total[2] <= 0 or total[1] <= LEAST_DEVIATION**2 * total[2]:
        return None
    drawn = np.concatenate([weights @ each for weights in draws(len(each))])
    many = (each[:, 2] > 0).sum() > 1
    return Agreement(*(_estimate(function, total, drawn if many else None) for function in (_cosine, _strength)))


def _estimate(function: Callable[[np.ndarray], np.ndarray], total: np.ndarray, drawn: np.ndarray | None) -> Estimate:
    with np.errstate(invalid="ignore", divide="ignore"):
        return Estimate(float(function(total)), None if drawn is None else interval(function(drawn)))


def _cosine(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / np.sqrt(sums[..., 1] * sums[..., 2])


def _strength(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 2]
