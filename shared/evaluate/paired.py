"""Two evaluations of the same pictures, picture by picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from shared.evaluate.rows import Row
from shared.runtime import UserError

RESAMPLES = 10_000
_BATCH = 2_000_000  # numbers drawn at a time


def _distance(task: str, alignment: str) -> Callable[[Row], float | None]:
    def value(row: Row) -> float | None:
        numbers = row.numbers(task, alignment)
        return None if numbers is None else numbers.l2_mm

    return value


MEASURES: dict[str, Callable[[Row], float | None]] = {
    "posed, mm": _distance("posed", "by_landmarks"),
    "posed after ICP, mm": _distance("posed", "by_icp"),
    "neutral, mm": _distance("neutral", "by_landmarks"),
    "neutral after ICP, mm": _distance("neutral", "by_icp"),
    "landmarks, %": lambda row: row.landmark_error,
}


@dataclass(frozen=True)
class Change:
    """How one measure differs between two methods, over the pictures both were scored on."""

    pictures: int
    first: float  # mean
    second: float
    relative: float  # second over first, minus 1: below 0 the second is better
    interval: tuple[float, float] | None  # 95 %, of ``relative``; None where all pictures show one person


def changes(first: Mapping[str, Row], second: Mapping[str, Row]) -> dict[str, Change]:
    """Measure -> change, of the measures that both have.

    The interval is a bootstrap over people, not pictures: those of one person err alike.

    Raises:
        UserError: the two did not see the same pictures.
    """
    # A picture whose making or reading broke down has no checksum, and no error to compare.
    seen = [{id for id, row in rows.items() if row.image_sha} for rows in (first, second)]
    ids = sorted(seen[0] & seen[1])
    other = [id for id in ids if first[id].image_sha != second[id].image_sha]
    if not ids or other:
        which = f"{len(other)} of {len(ids)} differ, such as {other[0]}" if ids else "no name is in both"
        raise UserError(f"these runs did not see the same pictures ({which}), so there is nothing to compare")
    found = {}
    for name, value in MEASURES.items():
        values = [(first[id], value(first[id]), value(second[id])) for id in ids]
        pairs = [(_person(row), a, b) for row, a, b in values if a is not None and b is not None]
        if pairs:
            people, of_person = np.unique([person for person, _, _ in pairs], return_inverse=True)
            sums = [np.bincount(of_person, [pair[side] for pair in pairs], len(people)) for side in (1, 2)]
            found[name] = _change(sums[0], sums[1], len(pairs))
    return found


def _person(row: Row) -> str:
    """Whom a picture shows; each photo by itself."""
    return row.id if row.facts is None else str(row.facts["person"])


def _change(first: np.ndarray, second: np.ndarray, pictures: int) -> Change:
    """From the sums of each person (P,)."""

    def relative(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        return b.sum(axis) / a.sum(axis) - 1

    interval = None
    if len(first) > 1:
        found = bootstrap(
            (first, second),
            relative,
            paired=True,
            vectorized=True,
            n_resamples=RESAMPLES,
            batch=max(1, _BATCH // len(first)),  # many photos are many people
            method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
        interval = float(found.low), float(found.high)
    means = float(first.sum() / pictures), float(second.sum() / pictures)
    return Change(pictures, *means, float(relative(first, second)), interval)
