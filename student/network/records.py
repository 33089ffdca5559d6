"""What the student takes and gives: the records between crop, network and head."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from shared.records.tensor_record import TensorRecord


@dataclass(frozen=True)
class StudentInput(TensorRecord):
    """Crops of faces. A network that sees no picture gets pictures of one pixel."""

    image: Tensor  # (..., 3, S, S) RGB, float32 in [0, 1], or uint8 on its way to a training
    landmarks_px: Tensor  # (..., 478, 2) MediaPipe's, in pixels of the crop; zeros where there are none
    has_landmarks: Tensor  # (...) bool
    focal_px: Tensor  # (...) focal length in pixels of the crop
    # (..., 52) in the order of `shared.landmarker.blendshapes.BLENDSHAPE_NAMES`; NaN where they are not known
    blendshapes: Tensor


@dataclass(frozen=True)
class StudentOutput(TensorRecord):
    """A head as the network predicts it, in the crop and along the network's directions of codes.

    The line of sight is that through ``anchor_px``; its axes are x right, y down, z away, without roll.
    """

    shape: Tensor  # (..., D)
    expression: Tensor  # (..., d)
    eyelids: Tensor  # (..., 2)
    neck: Tensor  # (..., 3) axis-angle
    jaw: Tensor  # (..., 3) axis-angle
    eyes: Tensor  # (..., 2, 3) axis-angle, subject's left first
    R_sight_face: Tensor  # (..., 3, 3) from the axes of the face (the head's, its neck included) to the line of sight's
    anchor_px: Tensor  # (..., 2) where the face's anchor is, pixels of the crop
    log_scale: Tensor  # (...) log of pixels of the crop per metre at the anchor's depth
    log_std: Tensor  # (..., D + d + 3) of shape, expression and jaw: log of the error it expects

    def std(self) -> tuple[Tensor, Tensor, Tensor]:
        """The error it expects of shape (..., D), expression (..., d) and jaw (..., 3)."""
        shape, expression, jaw = self.log_std.exp().split([self.shape.shape[-1], self.expression.shape[-1], 3], -1)
        return shape, expression, jaw


@dataclass(frozen=True)
class PicturePrediction(TensorRecord):
    """A predicted head placed in the full picture; coefficients along the network's basis, as in `StudentOutput`."""

    shape: Tensor  # (..., D)
    expression: Tensor  # (..., d)
    eyelids: Tensor  # (..., 2)
    neck: Tensor  # (..., 3) axis-angle
    jaw: Tensor  # (..., 3) axis-angle
    eyes: Tensor  # (..., 2, 3) axis-angle, subject's left first
    R_sight_face: Tensor  # (..., 3, 3) as in `StudentOutput`
    anchor_px: Tensor  # (..., 2) where the face's anchor is, pixels of the full picture
    log_scale: Tensor  # (...) log of pixels of the full picture per metre at the anchor's depth
    log_std: Tensor  # (..., D + d + 3) of shape, expression and jaw: log of the error it expects

    def std(self) -> tuple[Tensor, Tensor, Tensor]:
        """The error it expects of shape (..., D), expression (..., d) and jaw (..., 3)."""
        shape, expression, jaw = self.log_std.exp().split([self.shape.shape[-1], self.expression.shape[-1], 3], -1)
        return shape, expression, jaw


@dataclass(frozen=True)
class StudentTarget(TensorRecord):
    """The truth of a crop, or what a label says of it."""

    shape: Tensor  # (..., S)
    expression: Tensor  # (..., E)
    eyelids: Tensor  # (..., 2)
    neck: Tensor  # (..., 3)
    jaw: Tensor  # (..., 3)
    eyes: Tensor  # (..., 2, 3)
    R_sight_face: Tensor  # (..., 3, 3)
    anchor_px: Tensor  # (..., 2)
    log_scale: Tensor  # (...)
    focal_px: Tensor  # (...) of the crop, as it is and not as the network was given
    confidence: Tensor  # (..., R) of `FACE_PARTS`: 1 known exactly, 0 not at all
    weight: Tensor  # (...) how much the label is trusted, 1 for exact truth
    person: Tensor  # (...) int64: equal where the same person is known to be shown


@dataclass(frozen=True)
class StudentSample(TensorRecord):
    """A row of a training batch."""

    input: StudentInput
    target: StudentTarget
    index: Tensor  # (...) int64 as it was asked for
