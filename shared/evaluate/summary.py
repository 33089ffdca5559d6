"""All pictures of a run in numbers: overall and by group, as records and as a table of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from shared.evaluate.groups import DIMENSIONS
from shared.evaluate.metrics import Aggregate, aggregate
from shared.evaluate.rows import ALIGNMENTS, TASKS, Row


@dataclass(frozen=True)
class Spread:
    """One number over the pictures that have it."""

    count: int
    mean: float
    median: float


@dataclass(frozen=True)
class Group:
    """The pictures of one group."""

    dimension: str  # "" for all pictures
    label: str
    count: int
    failed: int  # without a reconstruction
    tasks: dict[str, dict[str, Aggregate]]  # task -> alignment
    landmark_error: Spread | None  # percent


def spread(values: Sequence[float | None]) -> Spread | None:
    """Of those that are not None; None if all are."""
    known = [value for value in values if value is not None]
    return Spread(len(known), fmean(known), median(known)) if known else None


def summarise(rows: Sequence[Row]) -> list[Group]:
    """The group of all pictures, then every group that has some, in the order of `DIMENSIONS`."""
    groups = [_group("", "all", rows)]
    facts = [(row, row.portrait_facts()) for row in rows]
    for dimension in DIMENSIONS:
        labels = [None if fact is None else dimension.label_of(fact) for _, fact in facts]
        for label in dict.fromkeys((*dimension.labels, *(label for label in labels if label is not None))):
            members = [row for row, own in zip(rows, labels, strict=True) if own == label]
            if members:
                groups.append(_group(dimension.name, label, members))
    return groups


def _group(dimension: str, label: str, rows: Sequence[Row]) -> Group:
    tasks = {
        task: {
            alignment: aggregate([row.numbers(task, alignment) for row in rows], [0] * len(rows))[0]
            for alignment in ALIGNMENTS
        }
        for task in TASKS
        if any(row.numbers(task, ALIGNMENTS[0]) for row in rows)
    }
    failed = sum(row.state != "scored" for row in rows)
    return Group(dimension, label, len(rows), failed, tasks, spread([row.landmark_error for row in rows]))


# Heading, number of the aggregate, alignment, statistic, format.
COLUMNS = (
    ("L2", "l2_mm", "by_landmarks", "mean", "{:.2f}"),
    ("median", "l2_mm", "by_landmarks", "median", "{:.2f}"),
    ("L1", "l1_mm", "by_landmarks", "mean", "{:.2f}"),
    ("NC", "normal_cosine", "by_landmarks", "mean", "{:.3f}"),
    ("R@2.5", "recall_2_5", "by_landmarks", "mean", "{:.3f}"),
    ("L2 icp", "l2_mm", "by_icp", "mean", "{:.2f}"),
)


def cells(group: Group, task: str) -> list[str]:
    """The numbers of one line of the table, as text; a dash where there is none."""
    found = group.tasks.get(task)
    values = [None if found is None else getattr(found[a], stat).get(key) for _, key, a, stat, _ in COLUMNS]
    return ["-" if value is None else form.format(value) for value, (*_, form) in zip(values, COLUMNS, strict=True)]


def table(groups: Sequence[Group]) -> Iterator[str]:
    """Lines for the terminal: L1 and L2 in millimetres, landmarks in percent of the eye distance."""
    tasks = "".join(f" | {task + ', after landmark alignment':<41}" for task in TASKS)
    heads = "".join(" | " + " ".join(f"{head:>6}" for head, *_ in COLUMNS) for _ in TASKS)
    yield f"{'':<15} {'':>4} {'':>6}{tasks} | 2D"
    yield f"{'':<15} {'n':>4} {'failed':>6}{heads} | {'%':>5}"
    dimension = ""
    for group in groups:
        if group.dimension != dimension:
            dimension = group.dimension
            yield dimension
        numbers = "".join(" | " + " ".join(f"{cell:>6}" for cell in cells(group, task)) for task in TASKS)
        marks = "-" if group.landmark_error is None else f"{group.landmark_error.mean:.2f}"
        indent = "  " if group.dimension else ""
        yield f"{indent + group.label:<15} {group.count:>4} {group.failed:>6}{numbers} | {marks:>5}"
