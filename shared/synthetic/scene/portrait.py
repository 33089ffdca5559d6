"""One synthetic picture, and all that is true of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.records.tensor_record import TensorRecord


@dataclass(frozen=True)
class PortraitTruth(TensorRecord):
    """Exact geometry of the picture. Maps show the head alone, also where hair or an occluder covers it.

    What one really sees is in ``part``: where it is SKIN, EYES, MOUTH or BROWS the maps are those of the seen point.
    """

    params: FlameParams
    camera: Camera  # of the picture; the world frame is that of `Camera.at_origin`
    normal: Tensor  # (..., 3, H, W) unit, camera frame, interpolated vertex normals; 0 outside the head
    uv: Tensor  # (..., 2, H, W) the head's texture coordinates; 0 outside the head
    depth_m: Tensor  # (..., H, W) camera z; 0 outside the head
    part: Tensor  # (..., H, W) uint8, values of `Part`
    neutral_m: Tensor  # (..., V, 3) the identity's mesh without expression or pose, head frame
    vertex_visible: Tensor  # (..., V) bool: inside the picture, and hidden neither by the head nor by anything else
    landmarks_px: Tensor  # (..., 478, 2) MediaPipe's, whether seen or hidden
    landmarks_visible: Tensor  # (..., 478) bool
    landmarks68_px: Tensor  # (..., 68, 2) iBUG's
    landmarks68_visible: Tensor  # (..., 68) bool


@dataclass(frozen=True)
class PortraitFacts:
    """What results are grouped by. JSON values."""

    seed: int
    index: int
    person: int  # pictures with the same number show the same person
    kind: str  # "neutral", "posed", "profile" or "occluded"
    yaw_deg: float  # of the face against the line of sight, positive where it turns to the subject's left
    pitch_deg: float  # positive where it looks up
    roll_deg: float  # positive where it tilts to the subject's right shoulder
    expression_mm: float  # mean distance of the face's vertices from those without expression
    occluded: float  # share of the face's visible skin that an occluder or hair covers
    skin_tone_deg: float  # individual typology angle of the skin's albedo: above 55 very light, below -30 dark
    focal_35mm: float
    hair: str  # style; "bald", or "covered" under a scarf
    occluders: tuple[str, ...]
    light: str  # kind of light
    background: str


@dataclass(frozen=True, eq=False)
class Portrait:
    """One picture."""

    image: np.ndarray  # (H, W, 3) uint8 RGB
    truth: PortraitTruth  # on the CPU, without leading dimensions
    facts: PortraitFacts
