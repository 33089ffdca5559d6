"""Errors of one face, in millimetres, and their means and medians over many faces.

As in the public evaluation of MonoNPHM, which names the same measures as Pixel3DMM's tables: from true points to the
predicted surface, one way, on facial skin only.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, fields
from statistics import fmean, median
from typing import TypeVar

from torch import Tensor

from shared.evaluate.faces import FaceMesh, TrueFace
from shared.evaluate.icp import Surface, refine
from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.geometry.meshes import Similarity, align

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class FaceNumbers:
    """One face under one alignment. Recalls are shares in [0, 1]."""

    l1_mm: float  # mean of |dx| + |dy| + |dz| along the axes of the truth's frame
    l2_mm: float  # mean distance
    normal_cosine: float  # mean |cos| between the true normal and that of the nearest triangle
    recall_1: float  # share of the true points within 1 mm
    recall_2_5: float
    recall_5: float
    recall_10: float


@dataclass(frozen=True, eq=False)
class FaceError(FaceNumbers):
    """The same with where it comes from."""

    distance_mm: Tensor  # (N,) float64, in the order of the true points
    alignment: Similarity  # of the prediction onto the truth, metres


@dataclass(frozen=True)
class FaceScore:
    """One face under each alignment."""

    by_landmarks: FaceError  # rigid, from the seven NoW landmarks: the benchmark's figure
    scaled: FaceError  # the same with the size solved for: what is left when the size of the head is unknown
    by_icp: FaceError  # rigid, refined by ICP: what is left when landmarks do not matter


@dataclass(frozen=True)
class Aggregate:
    """Over the faces of one group; the names are those of `FaceNumbers`. Empty where every face failed."""

    count: int  # faces with an error
    failed: int  # faces without: the method found nothing
    mean: dict[str, float]
    median: dict[str, float]
    interval: dict[str, tuple[float, float]] = field(default_factory=dict)  # 95 %, of the mean, over people


NUMBERS = tuple(one.name for one in fields(FaceNumbers))


def vertex_error_mm(verts_m: Tensor, truth_m: Tensor) -> Tensor:
    """(...) mean distance of corresponding vertices (..., V, 3), metres, after rigid alignment.

    For meshes of one topology, where the truth of every vertex is known; stricter than distances to the surface.
    """
    return 1e3 * (align(verts_m, truth_m).apply(verts_m) - truth_m).norm(dim=-1).mean(-1)


def score_face(truth: TrueFace, prediction: FaceMesh) -> FaceScore:
    """Errors of a predicted mesh; they do not depend on its pose.

    Both sides are in metres, each in a frame of its own; the results are in millimetres in the truth's frame.

    Raises:
        InvalidFaceError: a side is empty, not finite, or has no usable landmarks.
    """
    truth, mesh = truth.checked("the truth"), prediction.checked("the prediction")
    pose = align(mesh.landmarks_m, truth.landmarks_m)
    surface = Surface.of(mesh.verts_m, mesh.faces)
    refined = refine(truth.points_m, surface, pose)
    sized = align(mesh.landmarks_m, truth.landmarks_m, with_scale=True)
    return FaceScore(*(_error(truth, surface, one) for one in (pose, sized, refined)))


def _error(truth: TrueFace, surface: Surface, pose: Similarity) -> FaceError:
    found = surface.match(truth.points_m, pose)
    offset_mm = 1e3 * (found.nearest - truth.points_m)
    distance_mm = offset_mm.norm(dim=1)
    recalls = {limit: float((distance_mm <= limit).double().mean()) for limit in (1.0, 2.5, 5.0, 10.0)}
    return FaceError(
        l1_mm=float(offset_mm.abs().sum(1).mean()),
        l2_mm=float(distance_mm.mean()),
        normal_cosine=float((found.normals * truth.normals).sum(1).abs().mean()),
        recall_1=recalls[1.0],
        recall_2_5=recalls[2.5],
        recall_5=recalls[5.0],
        recall_10=recalls[10.0],
        distance_mm=distance_mm,
        alignment=pose,
    )


def aggregate(errors: Sequence[FaceNumbers | None], keys: Sequence[Key]) -> dict[Key, Aggregate]:
    """Mean and median over the faces of each group; every face counts the same.

    Args:
        errors: one a face; None where the method found no face, which is counted and not averaged.
        keys: the group of each face, such as its range of yaw.

    Returns:
        The groups in order of first appearance.

    Raises:
        ValueError: errors and keys differ in number.
    """
    groups: dict[Key, list[FaceNumbers | None]] = {}
    for error, key in zip(errors, keys, strict=True):
        groups.setdefault(key, []).append(error)
    return {key: _aggregate(members) for key, members in groups.items()}


def _aggregate(members: Sequence[FaceNumbers | None]) -> Aggregate:
    found = [error for error in members if error is not None]
    columns = {name: [getattr(error, name) for error in found] for name in NUMBERS} if found else {}
    return Aggregate(
        count=len(found),
        failed=len(members) - len(found),
        mean={name: fmean(values) for name, values in columns.items()},
        median={name: median(values) for name, values in columns.items()},
    )


def landmark_error_2d(
    predicted_px: Tensor,
    truth_px: Tensor,
    eye_distance_px: Tensor | None = None,
    corners: tuple[int, int] = OUTER_EYE_CORNERS,
) -> Tensor:
    """Mean landmark distance in percent of the distance between the outer eye corners.

    Args:
        predicted_px, truth_px: (..., L, 2) pixels of the same picture.
        eye_distance_px: (...) the unit; by default the corners' distance in ``truth_px``. It shrinks as the head turns:
            give the distance in space times the focal length over the depth where profiles take part.
        corners: rows of the outer eye corners in ``truth_px``; MediaPipe's by default.

    Returns:
        (...) percent.

    Raises:
        ValueError: shapes differ, a landmark is not finite, or an eye distance is not positive.
    """
    if predicted_px.shape != truth_px.shape or truth_px.shape[-1] != 2:
        raise ValueError(f"needs two (..., L, 2), got {tuple(predicted_px.shape)} and {tuple(truth_px.shape)}")
    if not (predicted_px.isfinite().all() and truth_px.isfinite().all()):
        raise ValueError("a landmark is not finite")
    if eye_distance_px is None:
        unit_px = (truth_px[..., corners[0], :] - truth_px[..., corners[1], :]).norm(dim=-1)
    else:
        unit_px = eye_distance_px
    if not (unit_px > 0).all():
        raise ValueError("the distance between the outer eye corners must be positive")
    return 100 * (predicted_px - truth_px).norm(dim=-1).mean(-1) / unit_px
