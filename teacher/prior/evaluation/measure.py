"""How far one picture's prediction is from the truth: degrees, millimetres on the head, parts, and what it doubted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from shared.records.tensor_record import TensorRecord
from teacher.prior.geometry.lookup import UvIndex, look_up, trust
from teacher.prior.geometry.surface import HeadSurface
from teacher.prior.records import UNKNOWN_PART, PriorInput, PriorMaps, PriorPrediction, PriorTarget

_GRID = 128  # maps are judged at so many rows and columns: neighbours say the same, and pictures weigh by their area


@dataclass(frozen=True)
class Errors(TensorRecord):
    """Errors of one kind at N places, of one picture or of many."""

    error: Tensor  # (N,) in the unit that the name says
    sigmas: Tensor  # (N,) the same errors, as the network was trained on them, over the deviation it states; or (0,)
    sigma: Tensor  # (N,) that deviation; or (0,)
    covered: Tensor  # (N,) bool: under what was pasted over the picture

    def where(self, mask: Tensor) -> Errors:
        """Those of the places (N,) where the mask is True."""
        return self.map(lambda values: values[mask] if len(values) else values)


@dataclass(frozen=True, eq=False)
class PriorScore:
    """Of one picture; None for what the network does not predict."""

    normal_deg: Errors | None
    uv_mm: Errors | None  # distance on the template's surface between the predicted and the true place
    points_mm: Errors | None  # of the seen vertices, in the picture plane at the depth of the face
    parts: Tensor | None  # (n_parts, 3) int64 pixels: right, predicted, true


def measure(
    prediction: PriorPrediction,
    target: PriorTarget,
    surface: HeadSurface,
    n_parts: int,
    covered: Tensor | None = None,
) -> PriorScore:
    """Judge one picture, all records without leading dimensions.

    Args:
        prediction: normals in the frame of the target's.
        target: pixels outside its masks, hidden points and a face of unknown depth are not judged.
        surface: of the head.
        n_parts: number of `Part` values.
        covered: (S, S) bool, where something was pasted over the picture.
    """
    maps, grid = prediction.maps, _grid(target)
    hidden = torch.zeros_like(target.uv_mask) if covered is None else covered
    return PriorScore(
        None if maps.normal is None else _normals(maps, target, hidden, target.normal_mask & grid),
        None if maps.uv is None else _places(maps, target, hidden, target.uv_mask & grid, surface),
        None if prediction.points is None else _points(prediction, target, hidden),
        None if maps.part_logits is None else part_counts(maps.part_logits.argmax(0), target.part, n_parts),
    )


def measure_landmarks(inputs: PriorInput, target: PriorTarget, surface: HeadSurface) -> tuple[Errors, Tensor]:
    """What MediaPipe's landmarks alone would say of the UV, without any network, where their mesh covers the picture.

    Returns:
        Millimetres as in `PriorScore.uv_mm`, and for each of that record's places (N,) whether it is among these.
    """
    coarse = functional.interpolate(inputs.landmark_maps[None], scale_factor=2, mode="bilinear")[0]
    judged = target.uv_mask & _grid(target)
    known = judged & (coarse[5] > 1 - 1e-4)  # elsewhere zeros are mixed in
    error = surface.distance_mm(coarse[:2, known].T, target.uv[:, known].T)
    none = error.new_zeros(0)
    return Errors(error, none, none, torch.zeros_like(error, dtype=torch.bool)), known[judged]


@dataclass(frozen=True, eq=False)
class FoundPoints:
    """The same vertices by the UV map and by the points, where the map shows them."""

    by_map_mm: Errors
    by_points_mm: Errors | None  # None if the network predicts no points
    judged: int  # seen vertices, found in the map or not


def measure_lookup(prediction: PriorPrediction, target: PriorTarget, vertices: UvIndex) -> FoundPoints:
    """How far the seen vertices are from where the UV map shows them, in the picture plane.

    Args:
        prediction: with a UV map.
        target: its points are those of ``vertices``.
        vertices: by their UV on the head.
    """
    maps, points = prediction.maps, prediction.points
    assert maps.uv is not None
    rows = judged_points(target).nonzero()[:, 0]
    found = look_up(maps.uv, trust(maps), vertices)[rows]
    rows = rows[found.valid]

    def errors(pixel_px: Tensor) -> Errors:
        error = (pixel_px - target.points_px[rows]).norm(dim=1) * (1e3 / target.px_per_m)
        return Errors(error, error.new_zeros(0), error.new_zeros(0), torch.zeros_like(rows, dtype=torch.bool))

    by_points = None if points is None else errors(points.pixel_px[rows])
    return FoundPoints(errors(found.pixel_px[found.valid]), by_points, len(found.valid))


def part_counts(predicted: Tensor, true: Tensor, n_parts: int) -> Tensor:
    """(..., H, W) -> (n_parts, 3) int64: pixels that are right, predicted and true of each part; unknown ones not."""
    known = true != UNKNOWN_PART
    predicted, true = predicted[known].long(), true[known].long()
    each = (true[predicted == true], predicted, true)
    return torch.stack([torch.bincount(values, minlength=n_parts) for values in each], 1)


def mean_iou(counts: Tensor) -> float:
    """Mean over the parts that occur of intersection over union; NaN if none does. ``counts`` as of `part_counts`."""
    right, predicted, true = counts[counts[:, 2] > 0].double().unbind(1)
    return float((right / (predicted + true - right)).mean())


def _grid(target: PriorTarget) -> Tensor:
    """(S, S) bool."""
    side = target.uv_mask.shape[-1]
    step = max(1, side // _GRID)
    rows = torch.arange(side, device=target.uv.device) % step == step // 2
    return rows[:, None] & rows


def _normals(maps: PriorMaps, target: PriorTarget, hidden: Tensor, judged: Tensor) -> Errors:
    assert maps.normal is not None
    chord = (maps.normal[:, judged] - target.normal[:, judged]).norm(dim=0)
    # By the chord, since the cosine of small angles is lost in float32.
    degrees = torch.rad2deg(2 * torch.asin((chord / 2).clamp(max=1)))
    return _errors(degrees, chord, _at(maps.normal_log_var, judged), hidden[judged])


def _places(maps: PriorMaps, target: PriorTarget, hidden: Tensor, judged: Tensor, surface: HeadSurface) -> Errors:
    assert maps.uv is not None
    uv, true = maps.uv[:, judged].T, target.uv[:, judged].T
    return _errors(surface.distance_mm(uv, true), (uv - true).norm(dim=1), _at(maps.uv_log_var, judged), hidden[judged])


def _points(prediction: PriorPrediction, target: PriorTarget, hidden: Tensor) -> Errors:
    assert prediction.points is not None
    judged = judged_points(target)
    error_px = (prediction.points.pixel_px[judged] - target.points_px[judged]).norm(dim=1)
    covered = at_pixels(hidden, target.points_px[judged])
    return _errors(1e3 * error_px / target.px_per_m, error_px, prediction.points.log_var[judged], covered)


def judged_points(target: PriorTarget) -> Tensor:
    """(N,) bool: points whose place is known and seen; none where the depth of the face is not known."""
    return target.points_known & target.points_visible & (target.px_per_m > 0)


def at_pixels(mask: Tensor, points_px: Tensor) -> Tensor:
    """(H, W) bool at points (N, 2), False outside."""
    column, row = points_px.floor().long().unbind(-1)
    height, width = mask.shape
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return inside & mask[row.clamp(0, height - 1), column.clamp(0, width - 1)]


def _at(log_var: Tensor | None, judged: Tensor) -> Tensor | None:
    return None if log_var is None else log_var[judged]


def _errors(error: Tensor, trained_error: Tensor, log_var: Tensor | None, covered: Tensor) -> Errors:
    if log_var is None:
        return Errors(error, error.new_zeros(0), error.new_zeros(0), covered)
    sigma = torch.exp(log_var / 2)
    return Errors(error, trained_error / sigma, sigma, covered)
