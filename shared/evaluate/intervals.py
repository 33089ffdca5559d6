"""Bootstrap over people: pictures of one person err alike, so people are drawn anew, not pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
_BATCH = 2_000_000  # weights drawn at a time
_BOUNDS = (2.5, 97.5)  # percentiles


@dataclass(frozen=True)
class Ratio:
    """A sum over pictures divided by another, such as errors by 1 (their mean)."""

    top: Sequence[float]  # one a picture
    bottom: Sequence[float]  # 0 with a top of 0 where the picture does not take part


@dataclass(frozen=True)
class Estimate:
    """A value over people, with the interval that holds it with 95 % probability."""

    value: float
    interval: tuple[float, float] | None  # None where all pictures show one person


def mean_of(values: Sequence[float | None]) -> Ratio:
    """The mean of those that are not None."""
    return Ratio([value or 0.0 for value in values], [float(value is not None) for value in values])


def estimates(people: Sequence[str], ratios: Mapping[str, Ratio], resamples: int = RESAMPLES) -> dict[str, Estimate]:
    """The ratios with their intervals; without those whose bottom sums to 0.

    Args:
        people: whom each picture shows.
        ratios: by name, each with one top and bottom a picture.
        resamples: draws of people.
    """
    top, bottom = person_sums(people, ratios)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = np.concatenate([(w @ top) / (w @ bottom) for w in draws(len(top), resamples)])
        value = top.sum(0) / bottom.sum(0)
    found = {}
    for column, name in enumerate(ratios):
        if bottom[:, column].sum() > 0:
            spread = interval(drawn[:, column]) if (bottom[:, column] > 0).sum() > 1 else None
            found[name] = Estimate(float(value[column]), spread)
    return found


def person_sums(people: Sequence[str], ratios: Mapping[str, Ratio]) -> tuple[np.ndarray, np.ndarray]:
    """Tops and bottoms summed over the pictures of each person: two (P, ratios)."""
    names, of_person = np.unique(np.asarray(people, dtype=str), return_inverse=True)
    sums = [np.zeros((len(names), len(ratios))) for _ in range(2)]
    for column, ratio in enumerate(ratios.values()):
        for side, values in enumerate((ratio.top, ratio.bottom)):
            sums[side][:, column] = np.bincount(of_person, np.asarray(values, float), len(names))
    return sums[0], sums[1]


def draws(people: int, resamples: int = RESAMPLES) -> Iterator[np.ndarray]:
    """How often each person is drawn in each resample, always the same: (batch, people) at a time."""
    rng, batch = np.random.default_rng(0), max(1, _BATCH // max(people, 1))  # many photos are many people
    for start in range(0, resamples, batch):
        size = min(batch, resamples - start)
        yield rng.multinomial(people, np.full(people, 1 / people), size).astype(float)


def interval(values: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of resampled values; resamples without any picture do not count."""
    low, high = np.percentile(values[np.isfinite(values)], _BOUNDS)
    return float(low), float(high)
