"""The landmark fit: FLAME parameters from 478 detected points, many faces at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.config import FitConfig
from shared.flame.code_basis import CodeBasis
from shared.flame.detector import DetectorModel
from shared.flame.landmarks import FACE_OVAL, N_MEDIAPIPE, OUTER_EYE_CORNERS, outward
from shared.flame.model import FlameModel
from shared.flame.points import ROTATIONS, FlamePoints
from shared.flame.schema import FlameAssets, LandmarkEmbedding
from shared.geometry.camera import Camera
from shared.geometry.rotation import axis_angle_to_matrix
from teacher.evidence import FaceEvidence, FitResult
from teacher.head_variables import manifold_of, pose_points, to_params
from teacher.initialise import pose_from_landmarks
from teacher.residuals.codes import CodePrior, SizeFunctional
from teacher.residuals.landmarks import BIAS, BiasModes, LandmarkTerm
from teacher.residuals.prior import GaussianPrior
from teacher.residuals.robust import PseudoHuber
from teacher.solver import Solution, Term, Values, Variable, solve


@dataclass(frozen=True)
class Problem:
    """An energy with its unknowns: what `solve` takes, and what other solvers can be compared on."""

    terms: list[Term]
    variables: dict[str, Variable]

    def values(self) -> dict[str, Tensor]:
        """The initial values."""
        return {name: variable.value for name, variable in self.variables.items()}


class LandmarkFitter:
    """Fits one head model; build it once, use it for any number of batches."""

    def __init__(self, model: FlameModel, config: FitConfig, detector: DetectorModel | None = None) -> None:
        """``detector`` defaults to MediaPipe as measured on this head."""
        self.model = model
        self.config = config
        self.landmarks, embedding = mediapipe_embedding(model.assets)
        detector = detector or DetectorModel.of(model.assets, self.landmarks)
        full = FlamePoints.from_embedding(model, embedding, detector.offset_m)
        self.basis = CodeBasis.of(full.displacements(), full.sizes, config.basis_tolerance_m)
        self.points = full.with_basis(self.basis)
        self._rest_m = full.rest_positions()
        self._size = SizeFunctional.of(self.points)
        # A point that is noisier on its own is noisier together with its neighbours, too.
        self._noise = detector.relative_std.to(self._rest_m)
        self._modes = BiasModes.of(
            self._rest_m, config.landmark_bias_std, config.landmark_bias_length_m, config.landmark_bias_modes
        ).scaled(self._noise)
        oval = torch.isin(self.landmarks, torch.tensor(FACE_OVAL))
        self._rigid = ~oval.to(self._rest_m.device)  # points that stay on the same spot of the head
        self._corners = [int((self.landmarks == corner).nonzero()) for corner in OUTER_EYE_CORNERS]
        self._outward = outward(self._rest_m, self._corners)
        right, left = self._rest_m[self._corners]
        self._corner_distance_m = float((right - left).norm())

    def fit(self, evidence: FaceEvidence) -> FitResult:
        """Fit every row of the evidence. The result of a row does not depend on the others.

        Raises ValueError where the evidence has no rows, no batch dimension or numbers that are not finite.
        """
        _check(evidence)
        problem = self.problem(evidence)
        return self.result(solve(problem.terms, problem.variables, self.config.solver), evidence)

    def problem(self, evidence: FaceEvidence) -> Problem:
        """The energy of the evidence, and its unknowns at their closed-form initial values."""
        config, camera = self.config, evidence.camera
        target = self._known(evidence)
        root = self.model.joints_template[0]
        rigid = self._rigid
        global_rot, translation = pose_from_landmarks(self._rest_m[rigid], root, target[:, rigid], camera)
        scale_px = self._corner_distance_m * self._pixels_per_metre(camera, translation)
        sizes, batch = self.basis.sizes, len(target)

        def const(value: float | tuple[float, ...], size: int) -> Tensor:
            return target.new_tensor(value).expand(batch, size)

        zero = {
            "shape": const(0.0, sizes.shape),
            "expression": const(0.0, sizes.expression),
            "eyelids": const(0.0, 2),
            **{name: const(0.0, 3) for name in ROTATIONS},
            "translation": const(0.0, 3),
            BIAS: const(0.0, 2 * self._modes.matrix.shape[1]),
        }
        values = {**zero, "global_rot": global_rot, "translation": translation}
        std_px = scale_px[:, None] * self._relative_std(axis_angle_to_matrix(global_rot), translation)
        kernel = PseudoHuber(config.robust_threshold)
        code_std = torch.cat([const(config.shape_std, sizes.shape), const(config.expression_std, sizes.expression)], 1)
        terms: list[Term] = [
            LandmarkTerm(self.points, self._modes, kernel, camera, target, std_px, scale_px),
            CodePrior(self._size, code_std),
        ]
        stds = {
            "eyelids": config.eyelid_std,
            "neck": config.neck_std,
            "jaw": config.jaw_std,
            "left_eye": config.eye_std,
            "right_eye": config.eye_std,
            BIAS: 1.0,
        }
        terms += [GaussianPrior(name, zero[name], const(std, zero[name].shape[1])) for name, std in stds.items()]
        return Problem(terms, {name: Variable(value, manifold_of(name)) for name, value in values.items()})

    def result(self, solution: Solution, evidence: FaceEvidence) -> FitResult:
        """Parameters and what the quality gate needs."""
        values = solution.values
        params = to_params(values, self.basis)
        joints = self.model.rest_joints(self.model.coefficients(params))
        return FitResult(
            params=params,
            camera=evidence.camera,
            landmark_error=self.landmark_error(values, evidence),
            eye_distance_m=(joints[:, 3] - joints[:, 4]).norm(dim=-1),
            code_rms=torch.stack([(c**2).mean(-1).sqrt() for c in (params.shape, params.expression)], -1),
            energy=solution.energy,
            steps=solution.steps,
            converged=solution.converged,
        )

    def landmark_error(self, values: Values, evidence: FaceEvidence) -> Tensor:
        """(B,) mean distance to the landmarks off the silhouette, over the distance of the outer eye corners."""
        target = self._known(evidence)
        projected = evidence.camera.project(pose_points(self.points, values).position)
        distance = (projected - target).norm(dim=-1)[:, self._rigid].mean(1)
        unit = (target[:, self._corners[0]] - target[:, self._corners[1]]).norm(dim=-1)
        return distance / unit

    def _known(self, evidence: FaceEvidence) -> Tensor:
        """(B, P, 2) the detected landmarks that this head has."""
        return evidence.landmarks_px[:, self.landmarks.to(evidence.landmarks_px.device)]

    def _pixels_per_metre(self, camera: Camera, translation: Tensor) -> Tensor:
        """(B,) scale of the image at the head."""
        head = camera.world_to_cam((translation + self.model.joints_template[0])[:, None])[:, 0]
        return camera.focal_px[:, 0] / head[:, 2].clamp(min=1e-3)

    def _relative_std(self, rotation: Tensor, translation: Tensor) -> Tensor:
        """(B, P) independent noise: each point's own, larger where the face is turned away at the first pose."""
        config = self.config
        root = self.model.joints_template[0]
        position = (self._rest_m - root) @ rotation.transpose(1, 2) + root + translation[:, None]
        towards_camera = -torch.nn.functional.normalize(position, dim=-1)
        facing = ((self._outward @ rotation.transpose(1, 2)) * towards_camera).sum(-1)
        # From full trust at 60 degrees off the view to none beyond 90.
        hidden = (1 - facing / 0.5).clamp(0, 1)
        independent = ((config.landmark_std * self._noise) ** 2 + self._modes.remainder**2).sqrt()
        return independent * (1 + (config.hidden_factor - 1) * hidden)


def mediapipe_embedding(assets: FlameAssets) -> tuple[Tensor, LandmarkEmbedding]:
    """Which of MediaPipe's 478 points the head knows (P,), and where they are. ValueError if it knows none.

    FLAME's own files know 105 of them, without irises and silhouette.
    """
    for name in ("mediapipe", "mediapipe105"):
        embedding = assets.landmarks.get(name)
        if embedding is not None:
            known = torch.arange(N_MEDIAPIPE) if embedding.index is None else embedding.index
            _require_corners(assets.name, known)
            return known, embedding
    raise ValueError(
        f"head {assets.name!r} has no MediaPipe landmarks (it has: {', '.join(assets.landmarks) or 'none'}); "
        "put mediapipe_landmark_embedding.npz ('MediaPipe Landmark Embedding' on FLAME's download page) beside the "
        "model file"
    )


def _require_corners(head: str, known: Tensor) -> None:
    """The outer eye corners are the unit of every error."""
    for corner in OUTER_EYE_CORNERS:
        if int((known == corner).sum()) != 1:
            raise ValueError(f"the landmark embedding of head {head!r} lacks MediaPipe's point {corner}, an eye corner")


def _check(evidence: FaceEvidence) -> None:
    landmarks = evidence.landmarks_px
    if landmarks.ndim != 3 or landmarks.shape[1:] != (N_MEDIAPIPE, 2) or not len(landmarks):
        raise ValueError(f"landmarks_px is {tuple(landmarks.shape)}; it must be (B, {N_MEDIAPIPE}, 2) with B >= 1")
    if not bool(torch.isfinite(landmarks).all()):
        raise ValueError("landmarks_px holds numbers that are not finite")
