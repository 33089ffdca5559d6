"""MediaPipe's landmarks as evidence: which of them a head knows, where on it they are, and how far they can be off."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.config import FitConfig
from shared.flame.code_basis import CodeBasis
from shared.flame.detector import DetectorModel
from shared.flame.landmarks import FACE_OVAL, OUTER_EYE_CORNERS, outward
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.flame.points import FlamePoints
from shared.geometry.camera import Camera
from teacher.evidence import FaceEvidence
from teacher.residuals.bias import BiasModes, patches
from teacher.residuals.pixels import PixelTerm
from teacher.residuals.robust import PseudoHuber

LANDMARK_BIAS = "landmark_bias"  # variable
FULL_TRUST, NO_TRUST = 0.5, 0.0  # cosine between a point's side of the head and the way to the camera


@dataclass(frozen=True)
class LandmarkEvidence:
    """P landmarks of a head; noise is in units of the distance of the outer eye corners."""

    known: Tensor  # (P,) int64, which of MediaPipe's
    points: FlamePoints
    rest_m: Tensor  # (P, 3) of the mean head
    modes: BiasModes
    std: Tensor  # (P,) what is independent from point to point
    hidden_factor: float
    rigid: Tensor  # (P,) bool: off the face oval, so on the same spot of the head from every side
    corners: tuple[int, int]  # places of the outer eye corners among the P

    @staticmethod
    def of(model: FlameModel, config: FitConfig, detector: DetectorModel | None = None) -> LandmarkEvidence:
        """``detector`` defaults to MediaPipe as measured on this head. ValueError if the head knows no landmarks."""
        known, embedding = mediapipe_embedding(model.assets)
        detector = detector or DetectorModel.of(model.assets, known)
        points = FlamePoints.from_embedding(model, embedding, detector.offset_m)
        rest_m = points.rest_positions()
        # A point that is noisier on its own is noisier together with its neighbours, too.
        noise = detector.relative_std.to(rest_m)
        shared = patches(rest_m, config.landmark_bias_std, config.landmark_bias_length_m)
        modes = BiasModes.of(shared, config.landmark_bias_modes).scaled(noise)
        corners = tuple(int((known == corner).nonzero()) for corner in OUTER_EYE_CORNERS)
        return LandmarkEvidence(
            known=known.to(rest_m.device),
            points=points,
            rest_m=rest_m,
            modes=modes,
            std=((config.landmark_std * noise) ** 2 + modes.remainder**2).sqrt(),
            hidden_factor=config.hidden_factor,
            rigid=~torch.isin(known, torch.tensor(FACE_OVAL)).to(rest_m.device),
            corners=(corners[0], corners[1]),
        )

    def with_basis(self, basis: CodeBasis) -> LandmarkEvidence:
        """The same with points as functions of reduced codes."""
        return replace(self, points=self.points.with_basis(basis))

    @property
    def corner_distance_m(self) -> float:
        """Of the outer eye corners on the mean head, the unit of noise."""
        right, left = self.rest_m[list(self.corners)]
        return float((right - left).norm())

    def target(self, landmarks_px: Tensor) -> Tensor:
        """(N, 478, 2) -> (N, P, 2) those that this head has."""
        return landmarks_px[:, self.known]

    def term(self, evidence: FaceEvidence, scale_px: Tensor, facing: Tensor, kernel: PseudoHuber) -> PixelTerm:
        """Their term of the energy.

        Args:
            evidence: (N) rows.
            scale_px: (N,) pixels of the unit of noise.
            facing: (N, P) cosine between each point's side of the head and the way to the camera, at the first pose.
            kernel: of the distances.
        """
        std_px = self.std_px(scale_px, facing)
        if evidence.seen is not None:
            std_px = torch.where(evidence.seen[:, None], std_px, torch.inf)
        target = self.target(evidence.landmarks_px)
        return PixelTerm(self.points, self.modes, LANDMARK_BIAS, kernel, evidence.camera, target, std_px, scale_px)

    def std_px(self, scale_px: Tensor, facing: Tensor) -> Tensor:
        """(N, P) the part of the noise that is independent from point to point; see `term`."""
        hidden = ((FULL_TRUST - facing) / (FULL_TRUST - NO_TRUST)).clamp(0, 1)
        return scale_px[:, None] * self.std * (1 + (self.hidden_factor - 1) * hidden)

    def error(self, projected_px: Tensor, landmarks_px: Tensor) -> Tensor:
        """(N,) mean distance to the landmarks off the silhouette, over the distance of the outer eye corners."""
        target = self.target(landmarks_px)
        distance = (projected_px - target).norm(dim=-1)[:, self.rigid].mean(1)
        right, left = self.corners
        return distance / (target[:, right] - target[:, left]).norm(dim=-1)

    def facing(self, rotation: Tensor, translation: Tensor, root_m: Tensor, camera: Camera) -> Tensor:
        """(N, P) see `term`, for a rigid pose of the mean head: rotation (N, 3, 3) and translation (N, 3)."""
        position = (self.rest_m - root_m) @ rotation.transpose(1, 2) + root_m + translation[:, None]
        away = torch.nn.functional.normalize(camera.world_to_cam(position), dim=-1)
        sides = outward(self.rest_m, list(self.corners)) @ (camera.T_cam_world[:, :3, :3] @ rotation).transpose(1, 2)
        return -(sides * away).sum(-1)
