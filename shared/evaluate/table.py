"""The groups of a run as tables of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from shared.evaluate.intervals import Estimate
from shared.evaluate.motion import REGIONS
from shared.evaluate.rows import TASKS
from shared.evaluate.strength import RegionStrength
from shared.evaluate.summary import Group

# Heading, number of the aggregate, alignment, statistic, format.
COLUMNS = (
    ("L2", "l2_mm", "by_landmarks", "mean", "{:.2f}"),
    ("median", "l2_mm", "by_landmarks", "median", "{:.2f}"),
    ("L1", "l1_mm", "by_landmarks", "mean", "{:.2f}"),
    ("NC", "normal_cosine", "by_landmarks", "mean", "{:.3f}"),
    ("R@2.5", "recall_2_5", "by_landmarks", "mean", "{:.3f}"),
    ("L1 sc", "l1_mm", "scaled", "mean", "{:.2f}"),
    ("L2 sc", "l2_mm", "scaled", "mean", "{:.2f}"),
    ("L2 icp", "l2_mm", "by_icp", "mean", "{:.2f}"),
)
# Heading, what of a region, format.
MOTION_COLUMNS: tuple[tuple[str, Callable[[RegionStrength], Estimate | None], str], ...] = (
    ("strength, 1 = true", lambda one: one.strength, "{:.2f}"),
    ("rest, mm", lambda one: one.rest_mm, "{:.1f}"),
    ("neutral moves, mm", lambda one: one.still_mm, "{:.2f}"),
)
_LABEL = 15


def cells(group: Group, task: str) -> list[str]:
    """The numbers of one line of the table, as text; a dash where there is none."""
    found = group.tasks.get(task)
    values = [None if found is None else getattr(found[a], stat).get(key) for _, key, a, stat, _ in COLUMNS]
    return ["-" if value is None else form.format(value) for value, (*_, form) in zip(values, COLUMNS, strict=True)]


def motion_cells(group: Group) -> list[list[str]]:
    """Of each column of `MOTION_COLUMNS` one text a region; a dash where there is none."""
    found = []
    for _, of, form in MOTION_COLUMNS:
        values = [of(group.motion[name]) if name in group.motion else None for name in REGIONS]
        found.append(["-" if one is None else form.format(round(one.value, 2) + 0.0) for one in values])  # no -0.00
    return found


def table(groups: Sequence[Group]) -> Iterator[str]:
    """Lines for the terminal: L1 and L2 in millimetres, landmarks in percent of the eye distance."""
    width = 7 * len(COLUMNS) - 1
    tasks = "".join(f" | {task + ', after landmark alignment; sc: and scale':<{width}}" for task in TASKS)
    heads = "".join(" | " + " ".join(f"{head:>6}" for head, *_ in COLUMNS) for _ in TASKS)
    yield f"{'':<{_LABEL}} {'':>4} {'':>6}{tasks} | 2D"
    yield f"{'':<{_LABEL}} {'n':>4} {'failed':>6}{heads} | {'%':>5}"
    for group, label in _labelled(groups):
        if group is None:
            yield label
            continue
        numbers = "".join(" | " + " ".join(f"{cell:>6}" for cell in cells(group, task)) for task in TASKS)
        marks = "-" if group.landmark_error is None else f"{group.landmark_error.mean:.2f}"
        yield f"{label:<{_LABEL}} {group.count:>4} {group.failed:>6}{numbers} | {marks:>5}"


def motion_table(groups: Sequence[Group]) -> Iterator[str]:
    """Lines for the terminal: strength of expression by region; none where no motion is known."""
    shown = [group for group in groups if group.motion]
    if not shown:
        return
    width = 7 * len(REGIONS) - 1
    yield f"{'':<{_LABEL}} {'':>4}" + "".join(f" | {head:<{width}}" for head, *_ in MOTION_COLUMNS)
    yield f"{'':<{_LABEL}} {'n':>4}" + (" | " + " ".join(f"{name:>6}" for name in REGIONS)) * len(MOTION_COLUMNS)
    for group, label in _labelled(shown):
        if group is None:
            yield label
        else:
            parts = (" | " + " ".join(f"{cell:>6}" for cell in part) for part in motion_cells(group))
            yield f"{label:<{_LABEL}} {group.count - group.failed:>4}" + "".join(parts)


def intervals(group: Group) -> Iterator[str]:
    """Lines that say between what a group's main figures lie."""
    parts = []
    for task in (task for task in TASKS if task in group.tasks):
        for head, key, alignment, statistic, form in COLUMNS:
            bound = group.tasks[task][alignment].interval.get(key)
            if statistic == "mean" and key in ("l1_mm", "l2_mm") and bound is not None:
                parts.append(f"{task} {head} {_between(bound, form)}")
    for name, one in group.motion.items():
        if one.strength is not None and one.strength.interval is not None:
            parts.append(f"{name} {_between(one.strength.interval, '{:.2f}')}")
    if parts:
        yield "95 % intervals over people: " + ", ".join(parts)


def _between(bound: tuple[float, float], form: str) -> str:
    return " to ".join(form.format(end) for end in bound)


def _labelled(groups: Sequence[Group]) -> Iterator[tuple[Group | None, str]]:
    """Groups with their labels, and before each dimension its name without a group."""
    dimension = ""
    for group in groups:
        if group.dimension != dimension:
            dimension = group.dimension
            yield None, dimension
        yield group, f"{'  ' if group.dimension else ''}{group.label}"
