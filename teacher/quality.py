"""The quality gate: which fits become labels, and why the others do not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from shared.config import QualityConfig
from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.params import FlameParams
from shared.flame.schema import JOINTS
from shared.geometry.rotation import axis_angle_to_matrix
from teacher.evidence import FitResult, MapCheck
from teacher.observe import ObservedFace

EYES = [JOINTS.index("left_eye"), JOINTS.index("right_eye")]  # rows of the posed joints


@dataclass(frozen=True)
class Failure:
    """A limit that a fit breaks."""

    name: str  # stable, for counting: "landmark error", "eye distance", ...
    reason: str  # with the numbers, for people


@dataclass(frozen=True)
class Measures:
    """What the gate looks at, as plain numbers; NaN where the fit went astray."""

    landmark_error: float  # share of the distance of the outer eye corners
    shape_rms: float  # standard deviations
    expression_rms: float
    eye_distance_mm: float
    eye_distance_px: float  # outer eye corners in the full picture
    inside: float  # share of the landmarks inside the picture
    distance_m: float  # of the eyes along the view; negative behind the camera
    jaw_deg: float
    neck_deg: float
    yaw_deg: float  # of the head against the camera; positive looks to the subject's left
    converged: bool


@dataclass(frozen=True)
class Verdict:
    """The gate's answer for one face."""

    score: float  # the margin of the weakest check: 1 far from every limit, 0 at one or beyond
    failures: tuple[Failure, ...]  # empty: it becomes a label
    measures: Measures


def judge(
    face: ObservedFace, result: FitResult, joints_m: Tensor, config: QualityConfig, check: MapCheck | None = None
) -> Verdict:
    """Judge one fit.

    Args:
        face: what was seen.
        result: its fit, without leading dimensions.
        joints_m: (5, 3) posed joints in the world frame, metres.
        config: the limits.
        check: of the network's maps; None where no network looked at the face.
    """
    measures = measure(face, result, joints_m)
    failures, margins = [], []
    for name, margin, reason in _checks(measures, config):
        # Also true for NaN: what cannot be compared fails.
        if not margin > 0:
            failures.append(Failure(name, reason))
        margins.append(min(max(margin, 0.0), 1.0) if math.isfinite(margin) else 0.0)
    if not _is_finite(result.params):
        failures.insert(0, Failure("not finite", "the fit gave numbers that are not finite"))
    if not measures.converged:
        failures.append(Failure("not converged", f"still moving after {int(result.steps)} steps"))
    return Verdict(0.0 if failures else min(margins), tuple(failures), measures)


def measure(face: ObservedFace, result: FitResult, joints_m: Tensor) -> Measures:
    """Read the numbers of one fit, without leading dimensions."""
    points, (height, width) = face.landmarks_px, face.camera.size
    corners = points[list(OUTER_EYE_CORNERS)]
    inside = ((points >= 0) & (points <= points.new_tensor([width, height]))).all(-1)
    eyes_cam = result.camera.world_to_cam(joints_m[EYES])
    return Measures(
        landmark_error=float(result.landmark_error),
        shape_rms=float(result.code_rms[0]),
        expression_rms=float(result.code_rms[1]),
        eye_distance_mm=float(result.eye_distance_m) * 1000,
        eye_distance_px=float((corners[0] - corners[1]).norm()),
        inside=float(inside.float().mean()),
        distance_m=float(eyes_cam[:, 2].mean()),
        jaw_deg=_degrees(result.params.jaw),
        neck_deg=_degrees(result.params.neck),
        yaw_deg=yaw_deg(result),
        converged=bool(result.converged),
    )


def yaw_deg(result: FitResult) -> float:
    """How far the head is turned away from the camera's axis; positive towards the subject's left."""
    params = result.params
    rotation = axis_angle_to_matrix(params.global_rot) @ axis_angle_to_matrix(params.neck)
    forward = result.camera.T_cam_world[:3, :3] @ rotation[:, 2]  # the head's z in the camera frame
    return math.degrees(math.atan2(float(forward[0]), -float(forward[2])))


def _checks(m: Measures, limit: QualityConfig) -> Iterator[tuple[str, float, str]]:
    """Name, margin (1 ideal, 0 at the limit, negative beyond) and the sentence for when it fails."""
    yield (
        "landmark error",
        1 - m.landmark_error / limit.landmark_error,
        f"landmark error {m.landmark_error:.1%} of the eye distance, limit {limit.landmark_error:.1%}",
    )
    # Up to one standard deviation is what heads are like, and costs nothing.
    for name, rms, most in (
        ("shape code", m.shape_rms, limit.shape_rms),
        ("expression code", m.expression_rms, limit.expression_rms),
    ):
        yield name, 1 - max(rms - 1, 0) / (most - 1), f"{name} of {rms:.2f} standard deviations (rms), limit {most:g}"
    low, high = limit.eye_distance_mm
    # Full marks in the middle half of the range.
    yield (
        "eye distance",
        min(m.eye_distance_mm - low, high - m.eye_distance_mm) / ((high - low) / 4),
        f"eyes {m.eye_distance_mm:.1f} mm apart, must be {low:g} to {high:g} mm",
    )
    # Full marks from four times the limit.
    yield (
        "face too small",
        (m.eye_distance_px / limit.eye_distance_px - 1) / 3,
        f"outer eye corners {m.eye_distance_px:.0f} px apart, at least {limit.eye_distance_px:g} px are needed",
    )
    yield (
        "outside the picture",
        (m.inside - limit.inside) / (1 - limit.inside),
        f"{m.inside:.0%} of the face lies inside the picture, at least {limit.inside:.0%} is needed",
    )
    nearer = f"the eyes came out {m.distance_m * 100:.0f} cm before the camera, limit {limit.distance_m * 100:g} cm"
    behind = "the head came out behind the camera"
    yield "distance", m.distance_m / limit.distance_m - 1, nearer if m.distance_m > 0 else behind
    # Full marks up to half the limit.
    turns = (
        ("jaw", m.jaw_deg, limit.jaw_deg),
        ("neck", m.neck_deg, limit.neck_deg),
        ("head", abs(m.yaw_deg), limit.yaw_deg),
    )
    for name, angle, most in turns:
        yield name, 2 - 2 * angle / most, f"the {name} is turned by {angle:.0f} degrees, limit {most:g}"


def _degrees(axis_angle: Tensor) -> float:
    return math.degrees(float(axis_angle.norm()))


def _is_finite(params: FlameParams) -> bool:
    return all(bool(torch.isfinite(getattr(params, field.name)).all()) for field in fields(params))
