"""Errors of many pictures in a few numbers, overall and by group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.groups import PORTRAIT_DIMENSIONS, Dimension
from shared.flame.segmentation import Part
from shared.records.tensor_record import concatenate
from shared.synthetic.scene.portrait import PortraitFacts
from teacher.prior.evaluation.measure import Errors, mean_iou

# Of an exponentially distributed error, as the uncertainties are trained: 1 - exp(-sqrt(2) k).
WITHIN_IF_RIGHT = (0.757, 0.941)


@dataclass(frozen=True, eq=False)
class Row:
    """One picture: errors by name, see `evaluation`."""

    facts: PortraitFacts
    found: bool  # by MediaPipe
    errors: Mapping[str, Errors]
    parts: Tensor | None  # as of `part_counts`
    judged_points: int = 0  # of which those in "by_map_mm" were found


@dataclass(frozen=True)
class Figure:
    """Errors of one kind in a group of pictures, in their unit."""

    pictures: int  # that have any
    places: int
    mean: float  # of all places, each picture by its area
    median: float  # of all places
    picture_mean: float  # mean of the pictures' means
    picture_median: float  # mean of the pictures' medians
    within_1: float | None  # share of the errors below the deviation that the network states
    within_2: float | None  # below twice that
    sigma: float | None  # median of those deviations, as the network was trained on them (a chord, UV, pixels)


@dataclass(frozen=True)
class Group:
    """The pictures of one group."""

    dimension: str  # "" for all
    label: str
    pictures: int
    errors: dict[str, Figure]
    part_iou: dict[str, float]  # by part that occurs; and "mean"
    points_in_map: float | None  # share of the seen vertices that the UV map shows


_FOUND = ("found", "not found: true crop")


def figure(errors: Sequence[Errors]) -> Figure | None:
    """None if there are no places at all."""
    errors = [one for one in errors if len(one.error)]
    if not errors:
        return None
    pooled = concatenate(errors)
    output = len(pooled.sigma) > 0
    return Figure(
        pictures=len(errors),
        places=len(pooled.error),
        mean=float(pooled.error.double().mean()),
        median=_median(pooled.error),
        picture_mean=fmean(float(one.error.double().mean()) for one in errors),
        picture_median=fmean(_median(one.error) for one in errors),
        within_1=float((pooled.sigmas <= 1).double().mean()) if output else None,
        within_2=float((pooled.sigmas <= 2).double().mean()) if output else None,
        sigma=_median(pooled.sigma) if output else None,
    )


def summarise(rows: Sequence[Row]) -> list[Group]:
    """The group of all, then by whether MediaPipe finds the face, then by the benchmark's dimensions."""
    groups = [group_of("", "all", rows)] if rows else []
    groups += _split("MediaPipe", _FOUND, lambda row: _FOUND[not row.found], rows)
    for dimension in PORTRAIT_DIMENSIONS:
        groups += _split(dimension.name, dimension.labels, _label(dimension), rows)
    return groups


def group_of(dimension: str, label: str, rows: Sequence[Row]) -> Group:
    """The numbers of some pictures."""
    names = dict.fromkeys(name for row in rows for name in row.errors)
    figures = {name: figure([row.errors[name] for row in rows if name in row.errors]) for name in names}
    counts = [row.parts for row in rows if row.parts is not None]
    judged = sum(row.judged_points for row in rows)
    shown = sum(len(row.errors["by_map_mm"].error) for row in rows if "by_map_mm" in row.errors)
    return Group(
        dimension,
        label,
        len(rows),
        {name: one for name, one in figures.items() if one is not None},
        part_iou(torch.stack(counts).sum(0)) if counts else {},
        shown / judged if judged else None,
    )


def part_iou(counts: Tensor) -> dict[str, float]:
    """By the part's name, and "mean"; ``counts`` as of `part_counts`. Empty if nothing is known."""
    right, predicted, true = counts.double().unbind(1)
    each = right / (predicted + true - right)
    found = {part.name.lower(): float(each[part]) for part in Part if true[part] > 0}
    return {**found, "mean": mean_iou(counts)} if found else {}


def _split(name: str, labels: Sequence[str], label_of: Callable[[Row], str], rows: Sequence[Row]) -> list[Group]:
    members = {label: [row for row in rows if label_of(row) == label] for label in labels}
    return [group_of(name, label, some) for label, some in members.items() if some]


def _label(dimension: Dimension) -> Callable[[Row], str]:
    return lambda row: dimension.label_of(asdict(row.facts))


def _median(values: Tensor) -> float:
    return float(np.median(values.numpy()))
