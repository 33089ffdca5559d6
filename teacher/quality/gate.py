"""The quality gate of fits: which become labels, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator

from shared.config import QualityConfig
from shared.quality.checks import Check, head_checks
from shared.quality.gate import Failure, Verdict, verdict_of
from shared.quality.measures import PosedHead
from shared.quality.metrics import HeadMetrics
from teacher.evidence.records import FitResult, MapCheck
from teacher.observation.face import ObservedFace
from teacher.quality.measures import FitMeasures

FitVerdict = Verdict[FitMeasures]


def judge(
    face: ObservedFace,
    result: FitResult,
    head: PosedHead,
    metrics: HeadMetrics,
    config: QualityConfig,
    check: MapCheck | None = None,
) -> FitVerdict:
    """Judge one fit, all on the CPU and without leading dimensions.

    Args:
        face: what was observed.
        result: its fit.
        head: the mesh of it.
        metrics: of that head model.
        config: the limits.
        check: of the network's maps; None where no network looked at the face.
    """
    measures = FitMeasures.of_fit(face, result, head, metrics, check)
    more = [] if check is None else [Failure(warning.name, warning.reason) for warning in check.warnings]
    if not measures.converged:
        more.append(Failure("not converged", f"still moving after {int(result.steps)} steps"))
    return verdict_of(result.params, measures, [*head_checks(measures, config), *_map_checks(measures, config)], more)


def _map_checks(m: FitMeasures, limit: QualityConfig) -> Iterator[Check]:
    """Whether the network's maps show enough of the head, where there is a network."""
    if m.map_found is not None:
        yield Check(
            "little seen",
            (m.map_found - limit.map_found) / limit.map_found,
            f"the network sees {m.map_found:.0%} of the head, at least {limit.map_found:.0%} is needed",
        )
    if m.map_uv_distance is not None:
        yield Check(
            "patch artefacts",
            1 - m.map_uv_distance / limit.map_uv_distance,
            f"vertices lie {m.map_uv_distance:.4f} of the texture off the UV map (median), "
            f"limit {limit.map_uv_distance:g}",
        )
