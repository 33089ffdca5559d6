"""Scores of many pictures in a few numbers: overall, by region of the face, by yaw, by what the face does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.groups import YAW, Dimension
from shared.evaluate.intervals import Estimate, Ratio, estimates
from teacher.prior.evaluation.common import own_products
from teacher.prior.evaluation.deviations import Agreement, agreement
from teacher.prior.evaluation.real_score import Against, Compared, PictureScore
from teacher.prior.evaluation.real_truth import REGIONS

STATE = Dimension("state", ("neutral", "expression"), lambda facts: facts["kind"])


@dataclass(frozen=True, eq=False)
class RealRow:
    """One picture."""

    id: str
    facts: Mapping[str, Any]  # "person", "kind", "yaw_deg"
    found: bool  # by the landmarker
    score: PictureScore


@dataclass(frozen=True)
class MeanHead:
    """One of the mean heads, at the same places."""

    mean: float
    median: float
    gain: Estimate  # mean error of the mean head less that of the prediction: what the maps add
    agreement: Agreement | None  # of the deviations from it


@dataclass(frozen=True)
class RealFigure:
    """Errors of one kind in degrees or millimetres, all places of the group pooled, with intervals over people."""

    pictures: int
    people: int
    places: int
    mean: Estimate
    median: float
    fit_mean: float  # of the head laid on the scan
    mean_head: MeanHead  # with the true expression, as the pixel shows it
    neutral_head: MeanHead  # at rest, as the pixel shows it
    same_place: MeanHead | None  # with the true expression, at the true place of the head; of normals alone
    own: Agreement | None  # of the deviations that are the person's own, see `common`; of normals and points


@dataclass(frozen=True)
class RealGroup:
    """Pictures, or the places of one region in all of them."""

    dimension: str  # "" for all, "region", ...
    label: str
    pictures: int
    errors: dict[str, RealFigure]


def summarise(rows: Sequence[RealRow]) -> list[RealGroup]:
    """The group of all, then by region, yaw and state; regions without any place are left out.

    What is common to all people is taken from the rows, so that it is the same for all groups.
    """
    if not rows:
        return []
    names = dict.fromkeys(name for row in rows for name in row.score.errors)
    places = {name: _places(name, rows) for name in names}
    found = [_group("", "all", places)]
    for index, name in enumerate(REGIONS):
        found.append(_group("region", name, {key: [one.where(index) for one in some] for key, some in places.items()}))
    for dimension in (YAW, STATE):
        for label in dimension.labels:
            some = {
                key: [one for one in all_of_them if dimension.label_of(one.facts) == label]
                for key, all_of_them in places.items()
            }
            found.append(_group(dimension.name, label, some))
    return [group for group in found if group.errors]


@dataclass(frozen=True, eq=False)
class _Places:
    """One picture's errors of one kind."""

    facts: Mapping[str, Any]
    compared: Compared
    own: Tensor | None  # (K, 3) products of the person's own deviations

    def where(self, region: int) -> _Places:
        """Those of one region."""
        mask = self.compared.region == region
        return _Places(self.facts, self.compared[mask], None if self.own is None else self.own[mask])


def _places(name: str, rows: Sequence[RealRow]) -> list[_Places]:
    rows = [row for row in rows if name in row.score.errors]
    compared = [row.score.errors[name] for row in rows]
    deviations = [one.deviations for one in compared if one.deviations is not None]
    own = own_products([row.facts["person"] for row in rows], deviations) if len(deviations) == len(rows) else None
    return [
        _Places(row.facts, replace(one, deviations=None), None if own is None else own[place])
        for place, (row, one) in enumerate(zip(rows, compared, strict=True))
    ]


def _group(dimension: str, label: str, places: Mapping[str, Sequence[_Places]]) -> RealGroup:
    kept = {name: [one for one in some if len(one.compared.error)] for name, some in places.items()}
    errors = {name: _figure(some) for name, some in kept.items() if some}
    return RealGroup(dimension, label, max((len(some) for some in kept.values()), default=0), errors)


def _figure(places: Sequence[_Places]) -> RealFigure:
    people, parts = [one.facts["person"] for one in places], [one.compared for one in places]
    counts = [float(len(one.error)) for one in parts]

    def agree(values: Sequence[Tensor]) -> Agreement | None:
        return agreement(people, np.stack([one.double().sum(0).numpy() for one in values]))

    def head(against: Sequence[Against]) -> MeanHead:
        errors = torch.cat([one.error for one in against])
        gains = [float((head.error - one.error).double().sum()) for head, one in zip(against, parts, strict=True)]
        gain = estimates(people, {"gain": Ratio(gains, counts)})["gain"]
        products = agree([one.products for one in against])
        return MeanHead(float(errors.double().mean()), _median(errors), gain, products)

    errors = torch.cat([one.error for one in parts])
    total = Ratio([float(one.error.double().sum()) for one in parts], counts)
    same = [one.place for one in parts if one.place is not None]
    own = [one.own for one in places if one.own is not None]
    return RealFigure(
        pictures=len(parts),
        people=len(set(people)),
        places=len(errors),
        mean=estimates(people, {"mean": total})["mean"],
        median=_median(errors),
        fit_mean=float(torch.cat([one.fit_error for one in parts]).double().mean()),
        mean_head=head([one.mean for one in parts]),
        neutral_head=head([one.neutral for one in parts]),
        same_place=head(same) if same else None,
        own=agree(own) if own else None,
    )


def _median(values: Tensor) -> float:
    return float(np.median(values.numpy()))
