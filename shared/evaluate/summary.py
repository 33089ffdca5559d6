"""All pictures of a run in numbers, overall and by group, with intervals over people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from shared.evaluate.groups import Dimension
from shared.evaluate.intervals import estimates, mean_of
from shared.evaluate.metrics import NUMBERS, Aggregate, aggregate
from shared.evaluate.rows import ALIGNMENTS, TASKS, Row
from shared.evaluate.strength import RegionStrength, strengths


@dataclass(frozen=True)
class Spread:
    """One number over the pictures that have it."""

    count: int
    mean: float
    median: float
    interval: tuple[float, float] | None  # 95 %, of the mean, over people


@dataclass(frozen=True)
class Group:
    """The pictures of one group."""

    dimension: str  # "" for all pictures
    label: str
    count: int
    failed: int  # without a reconstruction
    tasks: dict[str, dict[str, Aggregate]]  # task -> alignment
    landmark_error: Spread | None  # percent
    motion: dict[str, RegionStrength]  # region -> strength of expression; empty where it is not known


def summarise(rows: Sequence[Row], dimensions: Sequence[Dimension] = ()) -> list[Group]:
    """The group of all pictures, then every group that has some, in the order of the dimensions."""
    groups = [_group("", "all", rows)]
    for dimension in dimensions:
        labels = [None if row.facts is None else dimension.label_of(row.facts) for row in rows]
        for label in dict.fromkeys((*dimension.labels, *(label for label in labels if label is not None))):
            members = [row for row, own in zip(rows, labels, strict=True) if own == label]
            if members:
                groups.append(_group(dimension.name, label, members))
    return groups


def _group(dimension: str, label: str, rows: Sequence[Row]) -> Group:
    people = [row.person for row in rows]
    numbers = {
        (task, alignment): [row.numbers(task, alignment) for row in rows]
        for task in TASKS
        if any(row.numbers(task, ALIGNMENTS[0]) for row in rows)
        for alignment in ALIGNMENTS
    }
    means = {
        f"{task} {alignment} {name}": mean_of([None if one is None else getattr(one, name) for one in found])
        for (task, alignment), found in numbers.items()
        for name in NUMBERS
    }
    found = estimates(people, means | {"landmarks": mean_of([row.landmark_error for row in rows])})
    tasks: dict[str, dict[str, Aggregate]] = {}
    for (task, alignment), errors in numbers.items():
        bounds = {name: found[f"{task} {alignment} {name}"].interval for name in NUMBERS}
        known = {name: bound for name, bound in bounds.items() if bound is not None}
        whole = aggregate(errors, [0] * len(errors))[0]
        tasks.setdefault(task, {})[alignment] = replace(whole, interval=known)
    marks = [row.landmark_error for row in rows if row.landmark_error is not None]
    landmarks = Spread(len(marks), fmean(marks), median(marks), found["landmarks"].interval) if marks else None
    failed = sum(row.state != "scored" for row in rows)
    return Group(dimension, label, len(rows), failed, tasks, landmarks, strengths(rows))
