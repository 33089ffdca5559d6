"""Two evaluations of the same pictures, picture by picture and person by person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from shared.evaluate.intervals import Ratio, draws, interval, person_sums
from shared.evaluate.motion import REGIONS
from shared.evaluate.rows import Row
from shared.runs.errors import UserError

Measure = Callable[[Row], tuple[float, float] | None]  # a picture's top and bottom of a ratio of sums


def _error(task: str, alignment: str, number: str) -> Measure:
    def value(row: Row) -> tuple[float, float] | None:
        numbers = row.numbers(task, alignment)
        return None if numbers is None else (getattr(numbers, number), 1.0)

    return value


def _strength(region: str) -> Measure:
    def value(row: Row) -> tuple[float, float] | None:
        one = row.motions().get(region)
        return (one.along, one.true) if one is not None and one.moves else None

    return value


def _landmarks(row: Row) -> tuple[float, float] | None:
    return None if row.landmark_error is None else (row.landmark_error, 1.0)


_STRENGTH_OF = "strength of "
MEASURES: dict[str, Measure] = {
    **{
        f"{task}{name}, mm": _error(task, alignment, number)
        for task in ("posed", "neutral")
        for name, alignment, number in (
            ("", "by_landmarks", "l2_mm"),
            (" L1", "by_landmarks", "l1_mm"),
            (" scaled", "scaled", "l2_mm"),
            (" after ICP", "by_icp", "l2_mm"),
        )
    },
    "landmarks, %": _landmarks,
    **{f"{_STRENGTH_OF}{region}": _strength(region) for region in REGIONS},
}


@dataclass(frozen=True)
class Change:
    """How one measure differs between two methods, over the pictures both were scored on."""

    pictures: int
    first: float  # mean; a strength is a ratio of sums
    second: float
    difference: float  # second - first
    difference_interval: tuple[float, float] | None  # 95 % over people; None where all pictures show one person
    relative: float | None  # second over first, minus 1; None for strengths, which may be 0
    interval: tuple[float, float] | None  # 95 %, of ``relative``


def changes(first: Mapping[str, Row], second: Mapping[str, Row]) -> dict[str, Change]:
    """Measure -> change, of the measures that both have.

    Intervals are a bootstrap over people, not pictures: those of one person err alike.

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
        values = [(first[id].person, value(first[id]), value(second[id])) for id in ids]
        pairs = [(person, a, b) for person, a, b in values if a is not None and b is not None]
        if pairs:
            ratios = {
                "first": Ratio([a[0] for _, a, _ in pairs], [a[1] for _, a, _ in pairs]),
                "second": Ratio([b[0] for _, _, b in pairs], [b[1] for _, _, b in pairs]),
            }
            sums = person_sums([person for person, *_ in pairs], ratios)
            found[name] = _change(*sums, len(pairs), is_error=not name.startswith(_STRENGTH_OF))
    return found


def _change(top: np.ndarray, bottom: np.ndarray, pictures: int, is_error: bool) -> Change:
    """From the sums of each person (P, 2)."""
    first, second = (float(value) for value in top.sum(0) / bottom.sum(0))
    difference_interval = relative_interval = None
    if len(top) > 1:
        drawn = np.concatenate([(weights @ top) / (weights @ bottom) for weights in draws(len(top))])
        difference_interval = interval(drawn[:, 1] - drawn[:, 0])
        relative_interval = interval(drawn[:, 1] / drawn[:, 0] - 1) if is_error else None
    relative = second / first - 1 if is_error else None
    return Change(pictures, first, second, second - first, difference_interval, relative, relative_interval)
