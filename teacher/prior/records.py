"""What goes into a prior network, what comes out, and what it is trained towards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from shared.records.tensor_record import TensorRecord

N_PARTS = 9  # values of `shared.synthetic.scene.scene.Part`
UNKNOWN_PART = 255  # in a target's ``part``: not judged
LANDMARK_CHANNELS = 6  # of ``PriorInput.landmark_maps``: u, v, normal x, y, z, covered

# The frame of normals. "crop": camera axes turned (without roll) until z runs along the line of sight through the
# middle of the crop, which is what a network that sees the crop alone can know. "camera": as in CONVENTIONS.md.
# "head": the head's axes (FLAME frame) without its neck's rotation, as in Pixel3DMM's released networks.
Frame = Literal["crop", "camera", "head"]


@dataclass(frozen=True)
class PriorInput(TensorRecord):
    """Square crops of S pixels. What the landmarks say may be missing: then ``has_landmarks`` is False, the rest 0."""

    image: Tensor  # (..., 3, S, S) float32 RGB in [0, 1]
    landmarks_px: Tensor  # (..., 478, 2) where MediaPipe finds its points, crop pixels
    landmark_maps: Tensor  # (..., 6, S/2, S/2) coarse u, v, normal (frame "crop") and cover, see `Hints`
    has_landmarks: Tensor  # (...) bool
    points_px: Tensor | None = None  # (..., N, 2) where a fit to the landmarks has the network's vertices, crop pixels

    def without_landmarks(self) -> PriorInput:
        """The pictures alone."""
        hidden = torch.zeros_like(self.has_landmarks)
        points_px = None if self.points_px is None else 0 * self.points_px
        return PriorInput(self.image, 0 * self.landmarks_px, 0 * self.landmark_maps, hidden, points_px)


@dataclass(frozen=True)
class PriorMaps(TensorRecord):
    """Predictions for each pixel; None for what the network does not predict.

    A log-variance is that of an error's length: of ``normal - truth`` (unit vectors), of ``uv - truth``.
    """

    frame: Frame
    normal: Tensor | None = None  # (..., 3, H, W) unit
    normal_log_var: Tensor | None = None  # (..., H, W)
    uv: Tensor | None = None  # (..., 2, H, W) in [0, 1]
    uv_log_var: Tensor | None = None  # (..., H, W)
    part_logits: Tensor | None = None  # (..., 9, H, W) by value of `Part`


@dataclass(frozen=True)
class PriorPoints(TensorRecord):
    """The inverse map: where N chosen vertices of the head are. Which ones is ``vertices`` of the network."""

    pixel_px: Tensor  # (..., N, 2) crop pixels, also where hidden
    log_var: Tensor  # (..., N) log-variance of the distance to the truth, px^2
    visible_logit: Tensor  # (..., N)
    coarse_px: Tensor | None = None  # (..., N, 2) the estimate before the refinement, for the loss
    summary: Tensor | None = None  # (..., C) what the network holds of the whole picture, for the identity network


@dataclass(frozen=True)
class PriorPrediction(TensorRecord):
    """All that a network says of its crops."""

    maps: PriorMaps
    points: PriorPoints | None = None


@dataclass(frozen=True)
class TargetMaps(TensorRecord):
    """The part of a target that has pixels; fields as there."""

    normal: Tensor
    normal_mask: Tensor
    uv: Tensor
    uv_mask: Tensor
    hidden: Tensor
    part: Tensor


@dataclass(frozen=True)
class PriorTarget(TensorRecord):
    """The truth of crops; a mask is False where nothing is known or where the loss must not look."""

    normal: Tensor  # (..., 3, S, S) unit, in the frame that the run trains; 0 where neither seen nor hidden
    normal_mask: Tensor  # (..., S, S) bool: seen skin, lips and brows of the head; no eyeballs, no mouth interior
    uv: Tensor  # (..., 2, S, S); 0 where neither seen nor hidden
    uv_mask: Tensor  # (..., S, S) bool
    hidden: Tensor  # (..., S, S) bool: skin behind an occluder; normal and UV are its own; never where a mask is True
    part: Tensor  # (..., S, S) uint8, `UNKNOWN_PART` where it is not known
    points_px: Tensor  # (..., N, 2) crop pixels, also where hidden
    points_visible: Tensor  # (..., N) bool
    points_known: Tensor  # (..., N) bool
    px_per_m: Tensor  # (...) crop pixels a metre at the depth of the face; 0 where unknown

    def maps(self, row: int, column: int, step: int) -> TargetMaps:
        """Every ``step``-th pixel, from one on."""
        maps = TargetMaps(self.normal, self.normal_mask, self.uv, self.uv_mask, self.hidden, self.part)
        return maps.map(lambda t: t[..., row::step, column::step])


@dataclass(frozen=True)
class PriorSample(TensorRecord):
    """One crop (a row of a batch, with leading dimensions) with its truth."""

    input: PriorInput
    target: PriorTarget
    index: Tensor  # (...) int64 in its source
