"""Predicted maps and points of one picture of a real head against the truth, and against the mean head.

The core, for any network: nothing here knows how the maps came about.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.records.tensor_record import TensorRecord
from teacher.prior.evaluation.common import Deviations
from teacher.prior.evaluation.deviations import across, products
from teacher.prior.evaluation.real_truth import RealTruth
from teacher.prior.evaluation.sampling import sample_map
from teacher.prior.geometry.surface import HeadSurface


@dataclass(frozen=True, eq=False)
class PredictedMaps:
    """What is judged; None for what is not predicted."""

    affine: Tensor  # (2, 3) from pixels of the full picture to pixels of the maps, which may be of any size
    normal: Tensor | None = None  # (3, H, W) camera frame, of any length but zero
    uv: Tensor | None = None  # (2, H, W) in [0, 1]
    mask: Tensor | None = None  # (H, W) bool, where the maps speak of the head; None: everywhere
    points_px: Tensor | None = None  # (N, 2) pixels of the full picture
    vertices: Tensor | None = None  # (N,) int64, whose points these are


@dataclass(frozen=True)
class Against(TensorRecord):
    """One of the mean heads at K places."""

    error: Tensor  # (K,) of the mean head itself
    products: Tensor  # (K, 3) of the deviations from it, see `deviations`


@dataclass(frozen=True)
class Compared(TensorRecord):
    """K places where the prediction and the mean heads have a value."""

    region: Tensor  # (K,) int64
    error: Tensor  # (K,) degrees or millimetres
    fit_error: Tensor  # (K,) of the head laid on the scan; 0 where it is the truth
    mean: Against  # with the true expression, at the pixel
    neutral: Against  # at rest, at the pixel
    place: Against | None = None  # with the true expression, at the true place of the head; normals only
    deviations: Deviations | None = None  # (of K) from the mean head at the true place; normals and points


@dataclass(frozen=True, eq=False)
class PictureScore:
    """By what was predicted: "normal_deg", "uv_mm", "points_mm"."""

    places: int  # seen points of the scan
    errors: dict[str, Compared]


@dataclass(frozen=True, eq=False)
class RealJudge:
    """Judges predictions for one head."""

    surface: HeadSurface
    regions: Tensor  # (V,) as of `head_regions`

    def score(self, truth: RealTruth, predicted: PredictedMaps) -> PictureScore:
        """One picture."""
        errors = {}
        if predicted.normal is not None:
            found, seen = _at_places(predicted.normal, truth, predicted)
            errors["normal_deg"] = self._normals(truth, unit(found), seen)
        if predicted.uv is not None:
            found, seen = _at_places(predicted.uv, truth, predicted)
            errors["uv_mm"] = self._places(truth, found, seen)
        if predicted.points_px is not None and predicted.vertices is not None:
            errors["points_mm"] = self._points(truth, predicted.points_px, predicted.vertices)
        return PictureScore(len(truth.pixel_px), errors)

    def laid_head(self, truth: RealTruth) -> PictureScore:
        """The normals of the head laid on the scan, as if they were predicted: what a map of that mesh could reach."""
        errors = {"normal_deg": self._normals(truth, truth.fit_normal, truth.uv_known)}
        return PictureScore(len(truth.pixel_px), errors)

    def _normals(self, truth: RealTruth, normals: Tensor, known: Tensor) -> Compared:
        """Unit or zero normals (P, 3), judged where ``known`` (P,) and not zero."""
        judged = known & truth.mean.seen & truth.neutral.seen & (normals.norm(dim=1) > 0)
        normal, true = normals[judged], truth.normal[judged]

        def against(head_normal: Tensor) -> Against:
            zero = head_normal[judged]
            return Against(angle_deg(zero, true), products(across(normal, zero), across(true, zero)))

        vertex, zero = truth.vertex[judged], truth.place_normal[judged]
        return Compared(
            region=self.regions[vertex],
            error=angle_deg(normal, true),
            fit_error=angle_deg(truth.fit_normal[judged], true),
            mean=against(truth.mean.normal),
            neutral=against(truth.neutral.normal),
            place=against(truth.place_normal),
            deviations=Deviations(vertex, across(normal, zero), across(true, zero), truth.R_cam_head),
        )

    def _places(self, truth: RealTruth, uv: Tensor, known: Tensor) -> Compared:
        """UV (P, 2), judged where ``known`` (P,)."""
        judged = known & truth.uv_known & truth.mean.seen & truth.neutral.seen
        point, true = (1e3 * self.surface.points_m(one[judged]) for one in (uv, truth.uv))
        mean, neutral = (1e3 * self.surface.points_m(head.uv[judged]) for head in (truth.mean, truth.neutral))
        return _offsets(self.regions[truth.vertex[judged]], point, true, mean, neutral)

    def _points(self, truth: RealTruth, points_px: Tensor, vertices: Tensor) -> Compared:
        """Points (N, 2) of vertices (N,), judged where these are seen."""
        judged = truth.vertex_seen[vertices]
        rows, mm = vertices[judged], 1e3 / truth.px_per_m
        point, true = points_px[judged] * mm, truth.vertex_px[rows] * mm
        mean, neutral = (head.vertex_px[rows] * mm for head in (truth.mean, truth.neutral))
        compared = _offsets(self.regions[rows], point, true, mean, neutral)
        return replace(compared, deviations=Deviations(rows, point - mean, true - mean, truth.R_cam_head[:2]))


def angle_deg(a: Tensor, b: Tensor) -> Tensor:
    """(..., 3) unit vectors -> (...) degrees between them."""
    # By the chord, since the cosine of small angles is lost in float32.
    return torch.rad2deg(2 * torch.asin(((a - b).norm(dim=-1) / 2).clamp(max=1)))


def _offsets(region: Tensor, point: Tensor, true: Tensor, mean: Tensor, neutral: Tensor) -> Compared:
    """Points (K, D) in millimetres."""
    error = (point - true).norm(dim=1)
    mean_head, neutral_head = (
        Against((zero - true).norm(dim=1), products(point - zero, true - zero)) for zero in (mean, neutral)
    )
    return Compared(region, error, 0 * error, mean_head, neutral_head)


def _at_places(values: Tensor, truth: RealTruth, predicted: PredictedMaps) -> tuple[Tensor, Tensor]:
    affine = predicted.affine.to(truth.pixel_px)
    return sample_map(values.float(), predicted.mask, truth.pixel_px @ affine[:, :2].T + affine[:, 2])
