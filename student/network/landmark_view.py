"""MediaPipe's landmarks against the mean head: a first pose in closed form, and how the face differs from it there."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shared.flame.schema import LandmarkEmbedding

_CM = 100.0
_AXES = (1.0, -1.0, -1.0)  # from the face's axes to those of a picture: x right, y down, z away


class LandmarkView(nn.Module):
    """Scaled orthography of P landmarks of a head. The anchor of the face is their middle.

    Args:
        known: (P,) int64, which of MediaPipe's landmarks.
        places_m: (P, 3) where they are on the mean head, in its axes.
    """

    known: Tensor
    anchor_m: Tensor  # (3,) their middle, in the head's axes
    rest_m: Tensor  # (P, 3) about it, in a picture's axes
    to_affine: Tensor  # (4, P)

    def __init__(self, known: Tensor, places_m: Tensor) -> None:
        super().__init__()
        rest = (places_m - places_m.mean(0)) * places_m.new_tensor(_AXES)
        self.register_buffer("known", known)
        self.register_buffer("anchor_m", places_m.mean(0))
        self.register_buffer("rest_m", rest)
        homogeneous = torch.cat([rest, torch.ones_like(rest[:, :1])], 1).double()
        self.register_buffer("to_affine", torch.linalg.pinv(homogeneous).to(rest))

    @staticmethod
    def of(known: Tensor, embedding: LandmarkEmbedding, v_template: Tensor, faces: Tensor) -> LandmarkView:
        """Of the landmarks that a head knows."""
        return LandmarkView(known, embedding.positions(v_template, faces))

    @property
    def size(self) -> int:
        """F, number of features."""
        return 2 * len(self.rest_m) + 6

    @property
    def breadth_m(self) -> Tensor:
        """() longer side of the box around the mean head's landmarks, seen from the front."""
        return (self.rest_m.amax(0) - self.rest_m.amin(0))[:2].max()

    def forward(self, landmarks_px: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Landmarks (B, 478, 2) in pixels ->

        rotation (B, 3, 3) from the template's axes to the picture's, pixels per metre (B,), the anchor's pixel (B, 2),
        and features (B, F): what is left, in centimetres on the head, and the rotation's first two rows.
        """
        marks = landmarks_px[:, self.known]
        affine = self.to_affine @ marks  # (B, 4, 2)
        across, down = affine[:, :3].unbind(-1)
        scale = (across.norm(dim=-1) + down.norm(dim=-1)) / 2
        rotation = orthonormal_rows(across, down)
        anchor = affine[:, 3]
        posed = self.rest_m @ rotation[:, :2].transpose(1, 2)
        off = (marks - anchor[:, None]) / scale.clamp_min(1e-6)[:, None, None] - posed
        return rotation, scale, anchor, torch.cat([_CM * off.flatten(1), rotation[:, :2].flatten(1)], 1)


def orthonormal_rows(first: Tensor, second: Tensor) -> Tensor:
    """(..., 3, 3) rotation whose first two rows are nearest to two directions (..., 3), each changed alike."""
    first, second = _unit(first), _unit(second)
    plus, minus = _unit(first + second), _unit(first - second)
    half = 0.5**0.5
    first, second = half * (plus + minus), half * (plus - minus)
    return torch.stack([first, second, _cross(first, second)], -2)


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm(dim=-1, keepdim=True).clamp_min(1e-8)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    # Written out, as ONNX has no cross product.
    (ax, ay, az), (bx, by, bz) = a.unbind(-1), b.unbind(-1)
    return torch.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)
