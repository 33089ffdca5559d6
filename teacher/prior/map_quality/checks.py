"""Whether predicted maps can be trusted, as far as they show it themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.segmentation import Part
from teacher.prior.geometry.parts import is_one_of
from teacher.prior.map_quality.artefacts import PERIODS, median, patch_score
from teacher.prior.records import PriorInput, PriorMaps, PriorPrediction

HEAD_PARTS = (Part.SKIN, Part.EYES, Part.MOUTH, Part.BROWS)  # where one sees the head itself
_SURFACE_PARTS = (Part.SKIN, Part.BROWS)  # what the maps are judged on: eyes and mouth lie in charts of their own
# Beyond these a map is warned of.
UV_SIGMA = 0.02  # 13 mm on the open head's face; 0.010 on clear photos, 0.017 there without landmarks
NORMAL_SIGMA = 0.4  # 23 degrees; 0.2 and 0.3
UV_GRID = 0.002  # 1.3 mm; 0.0004 and 0.0009
NORMAL_GRID = 0.03  # 1.7 degrees; 0.006 and 0.010
SEEN_FACE = 0.5  # of where the face is, at least so much is taken for the head
UV_UPRIGHT = 0.5  # share of the face where u grows to the subject's left and v downwards
NORMALS_FACING = 0.9  # share of the face whose normals look at the camera
UV_APART = 0.04  # 26 mm between the map and the landmarks
_CELL = max(PERIODS)  # pixels
_MIDDLE = 0.4  # of the crop's side: where the face is looked for without landmarks


@dataclass(frozen=True)
class MapWarning:
    """Something that speaks against a crop's maps."""

    name: str  # stable, for counting
    reason: str  # with the number, for people


@dataclass(frozen=True)
class MapQuality:
    """Of one crop; None where the network predicts nothing of the kind, or where there is no face to look at."""

    seen_face: float | None  # share of the face's place (by landmarks, else the middle) that is taken for the head
    uv_sigma: float | None  # median predicted deviation over the face, UV units
    normal_sigma: float | None  # the same of the normals, length of a difference of unit vectors
    uv_grid: float | None  # `artefacts.patch_score` over the face
    normal_grid: float | None
    uv_upright: float | None  # share of the face where the UV map is not turned inside out
    uv_apart: float | None  # median distance to the UV of the landmarks
    normals_facing: float | None  # share of the face with normals towards the camera; not for the head's frame

    @staticmethod
    def of(prediction: PriorPrediction, inputs: PriorInput) -> MapQuality:
        """Look at one prediction and what it was made from, both on the CPU and without leading dimensions."""
        size = inputs.image.shape[-1]
        whole = _place_of_face(inputs, size)
        rows, columns = _box(whole)
        place, maps = whole[rows, columns], prediction.maps.map(lambda t: t[..., rows, columns])
        face, seen = place, None
        if maps.part_logits is not None:
            seen = _share(is_one_of(maps.part_logits, HEAD_PARTS), place)
            face = place & is_one_of(maps.part_logits, _SURFACE_PARTS)
        apart = None
        if maps.uv is not None and bool(inputs.has_landmarks):
            coarse = _twice(inputs.landmark_maps)[:, rows, columns]
            apart = _median((maps.uv - coarse[:2]).square().sum(0).sqrt(), face & (coarse[5] > 0))
        return MapQuality(
            seen_face=seen,
            uv_sigma=_sigma(maps.uv_log_var, face),
            normal_sigma=_sigma(maps.normal_log_var, face),
            uv_grid=None if maps.uv is None else patch_score(maps.uv, face),
            normal_grid=None if maps.normal is None else patch_score(maps.normal, face),
            uv_upright=None if maps.uv is None else _upright(maps.uv, face),
            uv_apart=apart,
            normals_facing=_facing(maps, face),
        )

    @property
    def warnings(self) -> tuple[MapWarning, ...]:
        """What is wrong; empty if nothing is."""
        covered = "{:.0%} of the face is taken for skin: covered, or no face"
        turned = "UV is mirrored or torn: {:.0%} of the face is the right way round"
        away = "only {:.0%} of the face's normals look at the camera"
        found = (
            ("covered face", _below(self.seen_face, SEEN_FACE, covered)),
            ("unsure maps", _above(self.uv_sigma, UV_SIGMA, "low confidence in UV: deviation {:.3f}")),
            ("unsure maps", _above(self.normal_sigma, NORMAL_SIGMA, "low confidence in normals: deviation {:.2f}")),
            ("patch artefacts", _above(self.uv_grid, UV_GRID, "the network's grid shows in UV: {:.4f}")),
            ("patch artefacts", _above(self.normal_grid, NORMAL_GRID, "the network's grid shows in normals: {:.3f}")),
            ("flipped face", _below(self.uv_upright, UV_UPRIGHT, turned)),
            ("flipped face", _below(self.normals_facing, NORMALS_FACING, away)),
            ("maps off landmarks", _above(self.uv_apart, UV_APART, "UV and landmarks disagree by {:.3f}")),
        )
        return tuple(MapWarning(name, text) for name, text in found if text)


def _above(value: float | None, limit: float, text: str) -> str:
    return text.format(value) if value is not None and not value <= limit else ""


def _below(value: float | None, limit: float, text: str) -> str:
    return text.format(value) if value is not None and not value >= limit else ""


def _place_of_face(inputs: PriorInput, size: int) -> Tensor:
    """(S, S) bool."""
    if bool(inputs.has_landmarks):
        return _twice(inputs.landmark_maps[5] > 0)
    near = ((torch.arange(size) + 0.5) / size - 0.5).abs() < _MIDDLE / 2
    return near[:, None] & near


def _box(place: Tensor) -> tuple[slice, slice]:
    """Rows and columns around what is True, in whole cells of every grid."""

    def around(hit: Tensor) -> slice:
        found = hit.nonzero()[:, 0]
        return (
            slice(int(found[0]) // _CELL * _CELL, int(found[-1]) // _CELL * _CELL + _CELL) if len(found) else slice(0)
        )

    return around(place.any(1)), around(place.any(0))


def _twice(map: Tensor) -> Tensor:
    """(..., H, W) -> (..., 2 H, 2 W)."""
    return map[..., :, None, :, None].expand(*map.shape[:-1], 2, map.shape[-1], 2).flatten(-4, -3).flatten(-2)


def _share(of: Tensor, place: Tensor) -> float | None:
    return float(of[place].float().mean()) if place.any() else None


def _median(values: Tensor, place: Tensor) -> float | None:
    return median(values.numpy()[place.numpy()]) if place.any() else None


def _sigma(log_var: Tensor | None, face: Tensor) -> float | None:
    middle = None if log_var is None else _median(log_var, face)
    return None if middle is None else math.exp(middle / 2)


def _upright(uv: Tensor, face: Tensor) -> float | None:
    """Share of the face where the map from the picture to the texture keeps its sense of rotation."""
    right = uv[:, :-2, 2:] - uv[:, :-2, :-2]  # over two pixels, as single ones may alternate
    down = uv[:, 2:, :-2] - uv[:, :-2, :-2]
    return _share(right[0] * down[1] - right[1] * down[0] > 0, face[:-2, :-2])


def _facing(maps: PriorMaps, face: Tensor) -> float | None:
    if maps.normal is None or maps.frame == "head":
        return None
    return _share(maps.normal[2] < 0, face)
