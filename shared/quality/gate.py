"""The quality gate: which heads can be trusted, and why the others cannot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

import torch

from shared.flame.params import FlameParams
from shared.quality.checks import Check
from shared.quality.measures import HeadMeasures

M = TypeVar("M", bound=HeadMeasures, covariant=True)


@dataclass(frozen=True)
class Failure:
    """A limit that a head breaks."""

    name: str  # stable, for counting: "landmark error", "identity drift", ...
    reason: str  # with the numbers, for people


@dataclass(frozen=True)
class Verdict(Generic[M]):
    """The gate's answer for one face."""

    quality: float  # the margin of the weakest check: 1 far from every limit, 0 at one or beyond
    failures: tuple[Failure, ...]  # empty: it can be trusted
    measures: M


def verdict_of(params: FlameParams, measures: M, checks: Iterable[Check], more: Sequence[Failure] = ()) -> Verdict[M]:
    """Judge one head.

    Args:
        params: of the head, without leading dimensions.
        measures: of it.
        checks: those that it must pass.
        more: what else speaks against it.
    """
    failures, margins = [], []
    if not _is_finite(params):
        failures.append(Failure("not finite", "the fit gave numbers that are not finite"))
    for one in checks:
        # Also true for NaN: what cannot be compared fails.
        if not one.margin > 0:
            failures.append(Failure(one.name, one.reason))
        margins.append(min(max(one.margin, 0.0), 1.0) if math.isfinite(one.margin) else 0.0)
    failures += more
    return Verdict(0.0 if failures else min(margins), tuple(failures), measures)


def _is_finite(params: FlameParams) -> bool:
    return all(bool(torch.isfinite(getattr(params, field.name)).all()) for field in fields(params))
