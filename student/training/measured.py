"""The points of a head that the student is judged by while it trains, and how they are posed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.landmarks import INNER_LIPS, LEFT_LIDS, RIGHT_LIDS
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.flame.points import FlamePoints
from shared.flame.segmentation import FACE_PARTS, face_parts
from shared.geometry.rotation import axis_angle_to_matrix
from shared.records.tensor_record import TensorRecord

_STRIDE = 3  # every so many vertices of the face; of lids and lips, all
_DETAIL = ("left_eye", "right_eye", "mouth")


@dataclass(frozen=True)
class HeadCodes(TensorRecord):
    """What shapes a face, in any basis."""

    codes: Tensor  # (B, K) shape, expression, eyelids
    jaw: Tensor  # (B, 3)
    eyes: Tensor  # (B, 2, 3)

    def neutral(self, n_shape: int) -> HeadCodes:
        """Without expression, jaw, lids and gaze."""
        shape, rest = self.codes[:, :n_shape], self.codes[:, n_shape:]
        return HeadCodes(
            torch.cat([shape, torch.zeros_like(rest)], 1), torch.zeros_like(self.jaw), torch.zeros_like(self.eyes)
        )


@dataclass(frozen=True, eq=False)
class MeasuredPoints:
    """P points of the skin, the first V of them vertices of the face, the others MediaPipe's landmarks."""

    truth: FlamePoints  # as functions of the model's codes
    output: FlamePoints  # as functions of the student's
    n_vertices: int
    part: Tensor  # (V,) int64 of `FACE_PARTS`
    weight: Tensor  # (V,) share of the face that each stands for, mean 1
    closing: Tensor  # (C, 2) int64 among the landmarks: points of upper and lower lids and lips that meet

    @staticmethod
    def of(model: FlameModel, basis: CodeBasis, detail: float) -> MeasuredPoints:
        """On the device of the model. KeyError if the head has no "face".

        ``detail``: how many times more an area of lids and lips counts.
        """
        assets = model.assets
        known, embedding = mediapipe_embedding(assets)
        part = face_parts(assets, known, embedding.positions(assets.v_template, assets.faces))
        fine = torch.isin(part, torch.tensor([FACE_PARTS.index(name) for name in _DETAIL]))
        place = torch.arange(len(part))
        vertices = (assets.region("face") & (fine | (place % _STRIDE == 0))).nonzero()[:, 0]
        weight = torch.where(fine[vertices], detail / _STRIDE, 1.0)
        corners = torch.cat([vertices[:, None].expand(-1, 3), assets.faces[embedding.face_index]])
        barycentric = torch.cat([torch.eye(3)[:1].expand(len(vertices), -1), embedding.barycentric.float()])
        points = FlamePoints.from_mixes(model, corners, barycentric)
        row_of = {int(number): row for row, number in enumerate(known)}
        pairs = [pair for pair in _meeting() if pair[0] in row_of and pair[1] in row_of]
        closing = torch.tensor([[row_of[a], row_of[b]] for a, b in pairs], dtype=torch.int64).reshape(-1, 2)
        device = model.v_template.device
        return MeasuredPoints(
            truth=points,
            output=points.with_basis(basis),
            n_vertices=len(vertices),
            part=part[vertices].to(device),
            weight=(weight / weight.mean()).to(device),
            closing=closing.to(device),
        )

    def of_truth(self, codes: HeadCodes) -> tuple[Tensor, Tensor]:
        """Vertices (B, V, 3) and landmarks (B, L, 3), metres, in the face's axes."""
        return self._split(_posed(self.truth, codes))

    def of_told(self, codes: HeadCodes) -> tuple[Tensor, Tensor]:
        """The same of the student's codes."""
        return self._split(_posed(self.output, codes))

    def _split(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return points[:, : self.n_vertices], points[:, self.n_vertices :]


def _posed(points: FlamePoints, head: HeadCodes) -> Tensor:
    """(B, P, 3) with neck and head unturned."""
    still = torch.zeros_like(head.jaw)
    rotations = axis_angle_to_matrix(torch.stack([still, still, head.jaw, *head.eyes.unbind(1)], 1))
    return points.pose(head.codes, rotations, still).position


def _meeting() -> list[tuple[int, int]]:
    """MediaPipe's points above and below that meet when lids or lips shut."""
    found: list[tuple[int, int]] = []
    for ring, upper in ((RIGHT_LIDS, 7), (LEFT_LIDS, 7), (INNER_LIPS, 9)):
        found += [(ring[1 + place], ring[-1 - place]) for place in range(upper)]
    return found
