"""The quality gate: which fits become labels, and why the others do not."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch

from shared.flame.params import FlameParams
from teacher.config import QualityConfig
from teacher.evidence.records import FitResult, MapCheck
from teacher.observation.face import ObservedFace
from teacher.quality.checks import checks
from teacher.quality.gauges import HeadGauges
from teacher.quality.measures import Measures, PosedHead


@dataclass(frozen=True)
class Failure:
    """A limit that a fit breaks."""

    name: str  # stable, for counting: "landmark error", "identity drift", ...
    reason: str  # with the numbers, for people


@dataclass(frozen=True)
class Verdict:
    """The gate's answer for one face."""

    score: float  # the margin of the weakest check: 1 far from every limit, 0 at one or beyond
    failures: tuple[Failure, ...]  # empty: it becomes a label
    measures: Measures


def judge(
    face: ObservedFace,
    result: FitResult,
    head: PosedHead,
    gauges: HeadGauges,
    config: QualityConfig,
    check: MapCheck | None = None,
) -> Verdict:
    """Judge one fit, all on the CPU and without leading dimensions.

    Args:
        face: what was seen.
        result: its fit.
        head: the mesh of it.
        gauges: of that head model.
        config: the limits.
        check: of the network's maps; None where no network looked at the face.
    """
    measures = Measures.of(face, result, head, gauges, check)
    failures, margins = [], []
    if not _is_finite(result.params):
        failures.append(Failure("not finite", "the fit gave numbers that are not finite"))
    for one in checks(measures, config):
        # Also true for NaN: what cannot be compared fails.
        if not one.margin > 0:
            failures.append(Failure(one.name, one.reason))
        margins.append(min(max(one.margin, 0.0), 1.0) if math.isfinite(one.margin) else 0.0)
    if check is not None:
        failures += [Failure(warning.name, warning.reason) for warning in check.warnings]
    if not measures.converged:
        failures.append(Failure("not converged", f"still moving after {int(result.steps)} steps"))
    return Verdict(0.0 if failures else min(margins), tuple(failures), measures)


def _is_finite(params: FlameParams) -> bool:
    return all(bool(torch.isfinite(getattr(params, field.name)).all()) for field in fields(params))
