"""Where the eyes look, and how far the lids are open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.synthetic.pose.expressions import SIDES, Activations

Gaze = Literal["camera", "ahead", "aside", "down"]
MAX_SIDEWAYS, MAX_UPWARDS = math.radians(30), math.radians(25)
_EASY_SIDEWAYS, _EASY_UPWARDS = math.radians(25), math.radians(18)  # beyond these one turns the head
_CAMERA_SHARE = 0.75
_AHEAD_SHARE = 0.45  # of the others
_AHEAD_SD, _ASIDE_SD = math.radians(3), (math.radians(14), math.radians(9))
_DOWN_SHARE = 0.08  # read, or look at what the hands do
_DOWN, _DOWN_SIDEWAYS_SD = (math.radians(-30), math.radians(-12)), math.radians(6)
_NEAREST_M, _FARTHEST_M = 0.4, 6.0
# MediaPipe's points on the rims of the lids around the pupil; subject's left eye first.
_UPPER = ((385, 386, 387), (160, 159, 158))
_LOWER = ((380, 374, 373), (144, 145, 153))


def draw_target(camera_m: np.ndarray, rng: np.random.Generator) -> tuple[Gaze, np.ndarray]:
    """What is looked at, and the camera (3,): points in the skull's axes, seen from between the eyes."""
    sideways, upwards = _angles(camera_m)
    chance = rng.random()
    reach = math.hypot(sideways / _EASY_SIDEWAYS, upwards / _EASY_UPWARDS)
    distance = math.exp(rng.uniform(math.log(_NEAREST_M), math.log(_FARTHEST_M)))
    ahead = rng.random() < _AHEAD_SHARE
    sd = (_AHEAD_SD, _AHEAD_SD) if ahead else _ASIDE_SD
    side, up = rng.normal(0, sd)
    if rng.random() < _DOWN_SHARE:
        return "down", distance * _direction(rng.normal(0, _DOWN_SIDEWAYS_SD), rng.uniform(*_DOWN))
    if reach < 1 and chance < _CAMERA_SHARE:
        return "camera", camera_m
    side, up = np.clip(side, -_EASY_SIDEWAYS, _EASY_SIDEWAYS), np.clip(up, -_EASY_UPWARDS, _EASY_UPWARDS)
    return ("ahead" if ahead else "aside"), distance * _direction(side, up)


def look_at(target_m: np.ndarray, eyes_m: np.ndarray) -> Activations:
    """ARKit's gaze of both eyes for a target (3,); eyes (2, 3), left first, all in the skull's axes.

    An eye turns about an axis across its line of sight, as eyes do; it stops at the limits.
    """
    units: Activations = {}
    for side, eye, outward in zip(SIDES, eyes_m, (1.0, -1.0), strict=True):
        x, y, z = target_m - eye
        angle = math.atan2(math.hypot(x, y), z)
        across = max(math.hypot(x, y), 1e-9)
        sideways = float(np.clip(angle * x / across / MAX_SIDEWAYS, -1, 1)) * outward
        upwards = float(np.clip(angle * y / across / MAX_UPWARDS, -1, 1))
        units |= {f"eyeLookOut{side}": max(sideways, 0.0), f"eyeLookIn{side}": max(-sideways, 0.0)}
        units |= {f"eyeLookUp{side}": max(upwards, 0.0), f"eyeLookDown{side}": max(-upwards, 0.0)}
    return units


def close_lids(units: Activations, shares: tuple[float, float], gaps_m: Tensor, travel_m: Tensor) -> Activations:
    """``units`` with the blink that closes the given share of either eye's opening, left first.

    Gaze and squint close a part of it already, and eyes are open differently far from person to person: one and the
    same blink would leave some open and push others' lids through each other.

    Args:
        gaps_m: (2,) between the lids with all ``units`` in effect.
        travel_m: (2,) by which a full blink changes that gap.
    """
    out = dict(units)
    for side, share, gap, travel in zip(SIDES, shares, gaps_m.tolist(), travel_m.tolist(), strict=True):
        out[f"eyeBlink{side}"] = share * max(gap, 0.0) / max(-travel, 1e-4)
    return out


def lid_gaps(landmarks_m: Tensor, up: Tensor) -> Tensor:
    """(2,) opening between the lids of MediaPipe landmarks (478, 3) along ``up`` (3,), the skull's axis."""
    return (landmarks_m[torch.tensor(_UPPER)] - landmarks_m[torch.tensor(_LOWER)]).mean(1) @ up


def lid_travel(assets: FlameAssets, units: Sequence[str]) -> Tensor:
    """(2, N) how much each of N ARKit units changes the opening of the left and the right eye, metres.

    ValueError if the head has no ARKit units.
    """
    if assets.arkit is None:
        raise ValueError(f"head {assets.name!r} has no ARKit units")
    marks, columns = assets.landmarks["mediapipe"], [assets.arkit.names.index(name) for name in units]
    rows = torch.tensor([_UPPER, _LOWER])  # (2, 2, 3) of upper and lower, of left and right
    vertical = assets.expressiondirs[assets.faces[marks.face_index[rows]], 1]  # (2, 2, 3, 3, E)
    upper, lower = (vertical * marks.barycentric[rows][..., None]).sum(-2).mean(-2)
    return (upper - lower) @ assets.arkit.expression[:, columns]


def _direction(sideways: float, upwards: float) -> np.ndarray:
    """(3,) unit, in the skull's axes, from angles in radians."""
    across = math.cos(upwards)
    return np.array([math.sin(sideways) * across, math.sin(upwards), math.cos(sideways) * across])


def _angles(target_m: np.ndarray) -> tuple[float, float]:
    """Sideways and upwards, radians, of a target in the skull's axes."""
    x, y, z = target_m
    return math.atan2(x, z), math.atan2(y, math.hypot(x, z))
