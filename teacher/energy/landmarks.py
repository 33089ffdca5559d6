"""MediaPipe's landmarks as evidence: which of them a head knows, where on it they are, and how far they can be off."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.landmark_errors import ExpectedErrors, RigidView
from shared.flame.landmark_noise import LandmarkNoise, load_landmark_noise
from shared.flame.landmarks import FACE_OVAL, OUTER_EYE_CORNERS
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.flame.points import FlamePoints
from shared.flame.schema import LandmarkEmbedding
from shared.geometry.camera import Camera
from teacher.config import FitConfig
from teacher.evidence.records import FaceEvidence
from teacher.residuals.pixels import ErrorFields, PixelTerm
from teacher.residuals.robust import PseudoHuber

LANDMARK_ERRORS, PERSON_ERRORS = "landmark_errors", "landmark_person_errors"  # variables
FULL_TRUST, NO_TRUST = 0.5, 0.0  # cosine between a point's side of the head and the way to the camera


@dataclass(frozen=True)
class LandmarkEvidence:
    """P landmarks of a head; noise is in units of the distance of the outer eye corners."""

    known: Tensor  # (P,) int64, which of MediaPipe's
    points: FlamePoints
    rest_m: Tensor  # (P, 3) of the mean head
    noise: LandmarkNoise
    noise_factor: float
    hidden_factor: float
    rigid: Tensor  # (P,) bool: off the face oval, so on the same spot of the head from every side
    corners: tuple[int, int]  # places of the outer eye corners among the P

    @staticmethod
    def of(model: FlameModel, config: FitConfig, noise: LandmarkNoise | None = None) -> LandmarkEvidence:
        """``noise`` (P) defaults to what was measured on this head. ValueError if the head knows no landmarks."""
        known, embedding = mediapipe_embedding(model.assets)
        corners = tuple(int((known == corner).nonzero()) for corner in OUTER_EYE_CORNERS)
        if noise is None:
            measured = load_landmark_noise(model.assets)
            noise = _assumed(model, corners) if measured is None else measured.points(known)
        points = FlamePoints.from_embedding(model, embedding, noise.offset_m)
        rest_m = points.rest_positions()
        return LandmarkEvidence(
            known=known.to(rest_m.device),
            points=points,
            rest_m=rest_m,
            noise=noise.to(rest_m.device).to(rest_m.dtype),
            noise_factor=config.landmark_noise,
            hidden_factor=config.hidden_factor,
            rigid=~torch.isin(known, torch.tensor(FACE_OVAL)).to(rest_m.device),
            corners=(corners[0], corners[1]),
        )

    def with_basis(self, basis: CodeBasis) -> LandmarkEvidence:
        """The same with points as functions of reduced codes."""
        return replace(self, points=self.points.with_basis(basis))

    def sparse(self, model: FlameModel, stride: int) -> LandmarkEvidence:
        """Every so many of the points, of the head's own codes; each stands for those left out."""
        _, embedding = mediapipe_embedding(model.assets)
        kept = torch.arange(len(self.known)) % stride == 0
        kept[list(self.corners)] = True
        rows = kept.nonzero()[:, 0]
        some = LandmarkEmbedding(embedding.face_index[rows], embedding.barycentric[rows])
        noise = self.noise.points(rows.to(self.rest_m.device))
        right, left = (int((rows == corner).nonzero()) for corner in self.corners)
        return replace(
            self,
            known=self.known[rows.to(self.known.device)],
            points=FlamePoints.from_embedding(model, some, noise.offset_m),
            rest_m=self.rest_m[rows.to(self.rest_m.device)],
            noise=replace(noise, std=noise.std * stride**-0.5),
            rigid=self.rigid[rows.to(self.rigid.device)],
            corners=(right, left),
        )

    def target(self, landmarks_px: Tensor) -> Tensor:
        """(N, 478, 2) -> (N, P, 2) those that this head has."""
        return landmarks_px[:, self.known]

    def view(self, rotation: Tensor, translation: Tensor, root_m: Tensor, camera: Camera) -> RigidView:
        """For a rigid pose of the mean head: rotation (N, 3, 3) and translation (N, 3)."""
        return RigidView.of(self.rest_m, self.corners, root_m, rotation, translation, camera)

    def term(self, evidence: FaceEvidence, view: RigidView, kernel: PseudoHuber) -> PixelTerm:
        """Their term of the energy.

        Args:
            evidence: (N) rows.
            view: (N) at the first pose; the noise depends on it.
            kernel: of the distances.
        """
        expected = ExpectedErrors.of(self.noise, view)
        picture_px, person_px = self.noise_factor * expected.picture_px, self.noise_factor * expected.person_px
        std_px = self._std_px(expected, view)
        if evidence.seen is not None:
            std_px = torch.where(evidence.seen[:, None], std_px, torch.inf)
        return PixelTerm(
            points=self.points,
            kernel=kernel,
            camera=evidence.camera,
            target_px=self.target(evidence.landmarks_px) - expected.mean_px,
            std_px=std_px,
            picture=ErrorFields(LANDMARK_ERRORS, picture_px) if picture_px.shape[-1] else None,
            person=ErrorFields(PERSON_ERRORS, person_px) if person_px.shape[-1] else None,
        )

    def total_std_px(self, view: RigidView) -> Tensor:
        """(N, P) all of the noise of each point, for who does not model what points have in common."""
        expected = ExpectedErrors.of(self.noise, view)
        person = self.noise_factor * view.scale_px[:, None] * self.noise.person.square().sum((1, 2)).div(3).sqrt()
        fields_px = self.noise_factor * expected.picture_px
        return (self._std_px(expected, view) ** 2 + fields_px.square().sum((2, 3)) / 2 + person**2).sqrt()

    def _std_px(self, expected: ExpectedErrors, view: RigidView) -> Tensor:
        """(N, P) independent deviations, larger where points face away."""
        hidden = ((FULL_TRUST - view.facing) / (FULL_TRUST - NO_TRUST)).clamp(0, 1)
        return self.noise_factor * expected.std_px * (1 + (self.hidden_factor - 1) * hidden)

    def error(self, projected_px: Tensor, landmarks_px: Tensor) -> Tensor:
        """(N,) mean distance to the landmarks off the silhouette, over the distance of the outer eye corners."""
        target = self.target(landmarks_px)
        distance = (projected_px - target).norm(dim=-1)[:, self.rigid].mean(1)
        right, left = self.corners
        return distance / (target[:, right] - target[:, left]).norm(dim=-1)


def _assumed(model: FlameModel, corners: tuple[int, ...]) -> LandmarkNoise:
    _, embedding = mediapipe_embedding(model.assets)
    rest_m = embedding.positions(model.v_template, model.faces)
    return LandmarkNoise.assumed(rest_m.cpu(), float((rest_m[corners[0]] - rest_m[corners[1]]).norm()))
