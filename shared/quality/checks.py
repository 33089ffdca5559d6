"""The limits of the gate, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.config import QualityConfig
from shared.quality.measures import HeadMeasures


@dataclass(frozen=True)
class Check:
    """One limit and how far a head is from it."""

    name: str  # stable, for counting
    margin: float  # 1 ideal, 0 at the limit, negative beyond; NaN where the head went astray
    reason: str  # for when it fails, with the numbers


def head_checks(m: HeadMeasures, limit: QualityConfig) -> Iterator[Check]:
    """What the gate asks of every head. Several checks may share a name."""
    yield from _landmarks(m, limit)
    yield from _codes(m, limit)
    yield from _pose(m, limit)


def _landmarks(m: HeadMeasures, limit: QualityConfig) -> Iterator[Check]:
    yield Check(
        "landmark error",
        1 - m.landmark_error / limit.landmark_error,
        f"landmark error {m.landmark_error:.1%} of the eye distance, limit {limit.landmark_error:.1%}",
    )
    # Full marks from four times the limit.
    yield Check(
        "face too small",
        (m.eye_distance_px / limit.eye_distance_px - 1) / 3,
        f"outer eye corners {m.eye_distance_px:.0f} px apart, at least {limit.eye_distance_px:g} px are needed",
    )
    yield Check(
        "outside the picture",
        (m.inside - limit.inside) / (1 - limit.inside),
        f"{m.inside:.0%} of the face lies inside the picture, at least {limit.inside:.0%} is needed",
    )


def _codes(m: HeadMeasures, limit: QualityConfig) -> Iterator[Check]:
    """Is it a head, and a likely one?"""
    for name, rms, most in (
        ("shape codes", m.shape_rms, limit.shape_rms),
        ("expression codes", m.expression_rms, limit.expression_rms),
    ):
        # Up to one standard deviation is what heads are like, and costs nothing.
        reason = f"{name} of {rms:.2f} standard deviations (rms), limit {most:g}"
        yield Check("out of prior", 1 - max(rms - 1, 0) / (most - 1), reason)
    yield Check(
        "out of prior",
        half_free(m.largest_code, limit.largest_code),
        f"a code of {m.largest_code:.1f} standard deviations, limit {limit.largest_code:g}",
    )
    yield Check(
        "identity drift",
        half_free(m.drift, limit.drift),
        f"the neutral head carries an expression, {m.drift:.1f} standard deviations of what heads differ by, "
        f"limit {limit.drift:g}",
    )
    yield Check(
        "mesh explosion",
        1 - m.stretched / limit.stretched,
        f"{m.stretched:.1%} of the mesh is stretched to twice its length, limit {limit.stretched:.1%}",
    )
    low, high = limit.eye_distance_mm
    # Full marks in the middle half of the range.
    yield Check(
        "eye distance",
        min(m.eye_distance_mm - low, high - m.eye_distance_mm) / ((high - low) / 4),
        f"eyes {m.eye_distance_mm:.1f} mm apart, must be {low:g} to {high:g} mm",
    )


def _pose(m: HeadMeasures, limit: QualityConfig) -> Iterator[Check]:
    nearer = f"the eyes came out {m.distance_m * 100:.0f} cm before the camera, limit {limit.distance_m * 100:g} cm"
    behind = "the head came out behind the camera"
    yield Check("distance", m.distance_m / limit.distance_m - 1, nearer if m.distance_m > 0 else behind)
    for name, part, angle, most in (
        ("jaw", "jaw", m.jaw_deg, limit.jaw_deg),
        ("neck", "neck", m.neck_deg, limit.neck_deg),
        ("flipped face", "head", abs(m.yaw_deg), limit.yaw_deg),
    ):
        yield Check(name, half_free(angle, most), f"the {part} is turned by {angle:.0f} degrees, limit {most:g}")


def half_free(value: float, limit: float) -> float:
    """Margin with full marks up to half the limit."""
    return 2 - 2 * value / limit
