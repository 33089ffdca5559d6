"""Scores of many pictures in a few numbers: overall, by region of the face, by yaw, by what the face does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.groups import YAW, Dimension
from shared.evaluate.intervals import Estimate, Ratio, estimates
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


@dataclass(frozen=True)
class RealGroup:
    """Pictures, or the places of one region in all of them."""

    dimension: str  # "" for all, "region", ...
    label: str
    pictures: int
    errors: dict[str, RealFigure]


def summarise(rows: Sequence[RealRow]) -> list[RealGroup]:
    """The group of all, then by region, yaw and state; regions without any place are left out."""
    if not rows:
        return []
    groups = [_group("", "all", rows, None)]
    groups += [_group("region", name, rows, index) for index, name in enumerate(REGIONS)]
    for dimension in (YAW, STATE):
        for label in dimension.labels:
            some = [row for row in rows if dimension.label_of(row.facts) == label]
            groups.append(_group(dimension.name, label, some, None))
    return [group for group in groups if group.errors]


def _group(dimension: str, label: str, rows: Sequence[RealRow], region: int | None) -> RealGroup:
    names = dict.fromkeys(name for row in rows for name in row.score.errors)
    found = {}
    for name in names:
        parts = [(row.facts["person"], row.score.errors[name]) for row in rows if name in row.score.errors]
        if region is not None:
            parts = [(person, one[one.region == region]) for person, one in parts]
        parts = [(person, one) for person, one in parts if len(one.error)]
        if parts:
            found[name] = _figure([person for person, _ in parts], [one for _, one in parts])
    return RealGroup(dimension, label, len(rows), found)


def _figure(people: Sequence[str], parts: Sequence[Compared]) -> RealFigure:
    counts = [float(len(one.error)) for one in parts]

    def head(against: Sequence[Against]) -> MeanHead:
        errors = torch.cat([one.error for one in against])
        gains = [float((head.error - one.error).double().sum()) for head, one in zip(against, parts, strict=True)]
        gain = estimates(people, {"gain": Ratio(gains, counts)})["gain"]
        sums = np.stack([one.products.double().sum(0).numpy() for one in against])
        return MeanHead(float(errors.double().mean()), _median(errors), gain, agreement(people, sums))

    errors = torch.cat([one.error for one in parts])
    total = Ratio([float(one.error.double().sum()) for one in parts], counts)
    places = [one.place for one in parts if one.place is not None]
    return RealFigure(
        pictures=len(parts),
        people=len(set(people)),
        places=len(errors),
        mean=estimates(people, {"mean": total})["mean"],
        median=_median(errors),
        fit_mean=float(torch.cat([one.fit_error for one in parts]).double().mean()),
        mean_head=head([one.mean for one in parts]),
        neutral_head=head([one.neutral for one in parts]),
        same_place=head(places) if places else None,
    )


def _median(values: Tensor) -> float:
    return float(np.median(values.numpy()))
