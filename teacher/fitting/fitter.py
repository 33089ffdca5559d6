"""The fit: FLAME parameters from what is seen of faces, of many pictures at once."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.landmark_errors import RigidView
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.landmarks import MOVING_PARTS, N_MEDIAPIPE
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.points import FlamePoints
from shared.flame.schema import LandmarkEmbedding
from shared.geometry.initial_pose import pose_from_landmarks
from shared.geometry.rotation import axis_angle_to_matrix
from shared.records.tensor_record import TensorRecord
from teacher.config import FitConfig
from teacher.energy.blendshapes import BlendshapeEvidence
from teacher.energy.dense import NORMAL_BIAS, PIXEL_BIAS, DenseVertices
from teacher.energy.landmarks import LandmarkEvidence
from teacher.energy.merged_identity import merge
from teacher.evidence.records import FaceEvidence, FitResult, IdentityEvidence, TermEnergies
from teacher.evidence.vertex_noise import VertexNoise
from teacher.residuals.codes import ExpressionPrior, ShapePrior, SizeFunctional
from teacher.residuals.motion import MotionTerm
from teacher.residuals.principal import PRINCIPAL, shifted
from teacher.residuals.prior import GaussianPrior
from teacher.residuals.robust import PseudoHuber
from teacher.residuals.symmetry import SymmetryPrior
from teacher.residuals.variables import from_params, manifold_of, pose_points, to_params
from teacher.solver.levenberg import Problem, Solution, solve
from teacher.solver.structure import FRAME, SUBJECT, VIEW, Structure
from teacher.solver.terms import ChainTerm, Term, Variable

_MOTION_STRIDE = 8
_ROUGH_STRIDE, _ROUGH_DIRECTIONS = 6, 40  # landmarks, and codes of shape and of expression, of a first step
_POSE = ("global_rot", "translation")  # variables


@dataclass(frozen=True)
class Motion(TensorRecord):
    """How moments follow each other in a clip."""

    follows: Tensor  # (T,) bool: one frame after the moment before, in the same shot
    rate_hz: float  # frames a second


@dataclass(frozen=True)
class ParameterSharing:
    """Which unknowns pictures share, and what is known beforehand."""

    structure: Structure
    pose_level: int = FRAME  # VIEW where the cameras of one moment are not known to each other
    camera_level: int = VIEW  # SUBJECT where all pictures of a person come from one camera
    camera_known: bool = False  # principal points stay where the evidence has them
    identity: Tensor | None = None  # (G, S) shape codes that are known; they stay
    motion: Motion | None = None  # None: the moments follow each other in no way


@dataclass(frozen=True)
class _FirstPose:
    """The mean head's in closed form, and what follows from it, a row a picture."""

    global_rot: Tensor  # (N, 3)
    translation: Tensor  # (N, 3)
    view: RigidView


class HeadFitter:
    """Fits one head model; build it once, use it for any number of batches."""

    def __init__(
        self,
        model: FlameModel,
        config: FitConfig,
        vertices: Tensor | None = None,
        noise: VertexNoise | None = None,
        landmark_noise: LandmarkNoise | None = None,
        units: BlendshapeEvidence | None = None,
        directions: Tensor | None = None,
        expression_directions: Tensor | None = None,
    ) -> None:
        """Without ``vertices`` (N,), to which dense evidence belongs, there are landmarks only.

        ``noise`` is the constant part of that evidence's errors; none if not given.
        ``landmark_noise`` and ``units`` default to what was measured on this head. ``directions`` (S, D), orthonormal,
        are those of the shape codes that evidence of identity is along.
        """
        self.model, self.config, self.directions = model, config, directions
        self.expression_directions = expression_directions
        landmarks = LandmarkEvidence.of(model, config, landmark_noise)
        dense = None
        if vertices is not None:
            dense = DenseVertices.of(model, vertices, noise or VertexNoise.none(model, vertices), config.dense)
        seen = landmarks.points.displacements()
        if dense is not None:
            seen = torch.cat([seen, dense.points.displacements()])
        parts = [torch.isin(landmarks.known.cpu(), torch.tensor(part)).nonzero()[:, 0] for part in MOVING_PARTS]
        parts = [part for part in [*parts, torch.arange(len(seen))] if len(part)]
        tolerances = config.basis_tolerance_m, config.expression_tolerance_m
        self.basis = CodeBasis.of_parts(seen, landmarks.points.sizes, parts, *tolerances)
        self.landmarks = landmarks.with_basis(self.basis)
        units = BlendshapeEvidence.of(model) if units is None else units
        self.units = None if units is None else units.with_basis(self.basis)
        self.dense = None if dense is None else dense.with_basis(self.basis)
        self._set_priors()
        self._skin = self._points_of_motion()
        self._rough = self._with_few()

    def _set_priors(self) -> None:
        self._size = SizeFunctional.of(self.landmarks.points)
        self._symmetry = SymmetryPrior.of(self.model, self.basis, self.config.asymmetry_std_m)
        self._expression_covariance = self._head_expression_covariance()

    def fit(self, evidence: FaceEvidence) -> FitResult:
        """Fit every row of the evidence, each as another person. The result of a row does not depend on the others.

        Raises ValueError where the evidence has no rows, no batch dimension or numbers that are not finite.
        """
        structure = Structure.photos(len(evidence.landmarks_px), evidence.landmarks_px.device)
        return self.fit_together(evidence, ParameterSharing(structure))

    def fit_together(self, evidence: FaceEvidence, sharing: ParameterSharing) -> FitResult:
        """Fit pictures that share persons and moments, a row each."""
        _check(evidence)
        problem = self.problem(evidence, sharing)
        if sharing.motion is not None:
            return self.result(solve(problem, self.config.solver), problem, evidence)
        first = self._rough.problem(replace(evidence, dense=None), sharing)
        rough = solve(first, replace(self.config.solver, max_steps=1))
        solution = solve(_started(problem, rough.values), self.config.solver)
        return self.result(replace(solution, steps=solution.steps + rough.steps), problem, evidence)

    def problem(self, evidence: FaceEvidence, sharing: ParameterSharing) -> Problem:
        """The energy of the evidence (N rows), and its unknowns where the solver starts.

        That is the mean head at its closed-form pose.
        """
        structure, config, first = sharing.structure, self.config, self._first_pose(evidence)
        like = evidence.landmarks_px

        def const(value: float | tuple[float, ...], level: int, size: int) -> Tensor:
            return like.new_tensor(value).expand(structure.count(level), size)

        landmarks = self.landmarks.term(evidence, first.view, PseudoHuber(config.robust_threshold))
        both = (landmarks.picture, VIEW), (landmarks.person, SUBJECT)
        fields = [(errors, level) for errors, level in both if errors is not None]
        # Shape comes last of what persons have: all points see it, and the solver joins neighbours.
        values = {
            **{e.coefficients: (const(0.0, level, e.fields_px.shape[-1]), level) for e, level in fields},
            **_head_unknowns(from_params(self._mean_head(first), self.basis), sharing),
            PRINCIPAL: (const(0.0, sharing.camera_level, 2), sharing.camera_level),
        }
        terms: dict[str, Term] = {
            "landmarks": landmarks,
            "shape_prior": self._shape_prior(evidence, sharing),
            "expression_prior": self._expression_prior(evidence, sharing),
            "symmetry": self._symmetry,
        }
        if self.units is not None and evidence.blendshapes is not None:
            kernel = PseudoHuber(config.robust_threshold)
            terms["blendshapes"] = self.units.term(evidence.blendshapes, config.blendshape_factor, kernel)
        stds: dict[str, float | tuple[float, ...]] = {
            "neck": config.neck_std,
            "left_eye": config.eye_std,
            "right_eye": config.eye_std,
            PRINCIPAL: config.principal_std,
            **{e.coefficients: 1.0 for e, _ in fields},
        }
        if evidence.dense is not None:
            if self.dense is None:
                raise ValueError("there is dense evidence, but this fitter was built without vertices")
            seen, camera = self.dense.kept(evidence.dense), evidence.camera
            terms["dense_pixels"] = self.dense.pixel_term(seen, camera, first.view.scale_px)
            terms["dense_normals"] = self.dense.normal_term(seen)
            if seen.contour is not None:
                terms["contour"] = self.dense.contour_term(seen.contour, camera, first.view.scale_px)
            values[PIXEL_BIAS] = (const(0.0, VIEW, 2 * self.dense.pixel_modes.count), VIEW)
            values[NORMAL_BIAS] = (const(0.0, VIEW, 3 * self.dense.surface.modes.count), VIEW)
            stds |= {PIXEL_BIAS: 1.0, NORMAL_BIAS: 1.0}
        for name, std in stds.items():
            value, level = values[name]
            prior = GaussianPrior(name, level, torch.zeros_like(value), const(std, level, value.shape[1]))
            terms[f"{name}_prior"] = prior
        variables = {name: Variable(value, manifold_of(name), level) for name, (value, level) in values.items()}
        if sharing.camera_known:
            variables[PRINCIPAL] = replace(variables[PRINCIPAL], free=False)
        if sharing.identity is not None:
            known = (sharing.identity.to(like) @ self.basis.shape).contiguous()
            variables["shape"] = Variable(known, manifold_of("shape"), SUBJECT, free=False)
        chains: dict[str, ChainTerm] = {}
        motion = sharing.motion
        if motion is not None and structure.count(FRAME) > 2:
            std_m = like.new_full((structure.count(FRAME),), config.acceleration_std / motion.rate_hz**2)
            kernel = PseudoHuber(config.robust_threshold)
            chains["motion"] = MotionTerm(self._skin, kernel, motion.follows, std_m)
        return Problem(structure, variables, terms, chains)

    def result(self, solution: Solution, problem: Problem, evidence: FaceEvidence) -> FitResult:
        """Parameters and what the quality gate needs, a row a picture."""
        values = problem.seen(solution.values, VIEW)
        person = problem.structure.owner(VIEW, SUBJECT)
        params = to_params(values, self.basis)
        joints = self.model.rest_joints(self.model.coefficients(params))
        projected = shifted(evidence.camera, pose_points(self.landmarks.points, values).position, values)
        center_px = evidence.camera.center_px + evidence.camera.focal_px * values[PRINCIPAL]
        return FitResult(
            params=params,
            camera=replace(evidence.camera, center_px=center_px),
            landmark_error=self.landmarks.error(projected, evidence.landmarks_px),
            eye_distance_m=(joints[:, 3] - joints[:, 4]).norm(dim=-1),
            code_rms=torch.stack([(c**2).mean(-1).sqrt() for c in (params.shape, params.expression)], -1),
            energy=solution.energy[person],
            terms=TermEnergies.of(problem.energies(solution.values), person),
            steps=solution.steps[person],
            converged=solution.converged[person],
        )

    def initial_params(self, evidence: FaceEvidence) -> FlameParams:
        """Where the fit of each row starts: the mean head at its closed-form pose."""
        return self._mean_head(self._first_pose(evidence))

    def energy_at(self, evidence: FaceEvidence, params: FlameParams) -> Tensor:
        """(N,) what the fit's energy says of other parameters; the noise's own unknowns are at their best.

        Codes that the fit does not use are left out.
        """
        sharing = ParameterSharing(Structure.photos(len(evidence.landmarks_px), evidence.landmarks_px.device))
        problem = self.problem(evidence, sharing)
        held = from_params(params, self.basis)
        variables = {
            name: replace(variable, value=held[name], free=False) if name in held else variable
            for name, variable in problem.variables.items()
        }
        return solve(replace(problem, variables=variables), self.config.solver).energy

    def _with_few(self) -> HeadFitter:
        """The same head by a few landmarks and the directions that these see best.

        One of its steps is as good as a first step of the whole, and costs little.
        """
        rough = copy(self)
        rough.basis = self.basis.leading(_ROUGH_DIRECTIONS)
        rough.landmarks = self.landmarks.sparse(self.model, _ROUGH_STRIDE).with_basis(rough.basis)
        rough.units = None
        rough._set_priors()
        return rough

    def _shape_prior(self, evidence: FaceEvidence, sharing: ParameterSharing) -> ShapePrior:
        """Around the mean head, or what the pictures say of each person's identity."""
        config, rows, predicted = self.config, sharing.structure.count(SUBJECT), evidence.identity
        like = evidence.landmarks_px
        if predicted is not None:
            owner = sharing.structure.owner(VIEW, SUBJECT)
            predicted = merge(predicted, owner, rows, config.identity_factor, config.shared_error)
        mean, covariance = _along(predicted, self.directions, self.basis.shape, like, rows)
        return ShapePrior.around(self._size, mean, covariance, config.shape_std)

    def _expression_prior(self, evidence: FaceEvidence, sharing: ParameterSharing) -> ExpressionPrior:
        """Around the neutral face, or what the pictures say of each moment."""
        config, rows, like = self.config, sharing.structure.count(FRAME), evidence.landmarks_px
        predicted = evidence.expression
        if predicted is None:
            covariance = self._expression_covariance.to(like)
            return ExpressionPrior.around(self._size, like.new_zeros(rows, len(covariance)), covariance[None])
        owner, factor, shared = sharing.structure.frame, config.expression_factor, config.shared_error
        codes = merge(IdentityEvidence(predicted.mean, predicted.std), owner, rows, factor, shared)
        jaw = merge(IdentityEvidence(predicted.jaw_mean, predicted.jaw_std), owner, rows, factor, shared)
        mean, covariance = _along(codes, self.expression_directions, self.basis.expression, like, rows)
        lids = like.new_full((rows, 2), config.eyelid_std)
        return ExpressionPrior.around(
            self._size,
            torch.cat([mean, jaw.mean, torch.zeros_like(lids)], 1),
            _block_diagonal(config.expression_std**2 * covariance, torch.cat([jaw.std, lids], 1) ** 2),
        )

    def _head_expression_covariance(self) -> Tensor:
        """(e + 5, e + 5) of expression, jaw and lids before anything is seen: the head's own, or the config's."""
        known, basis, config = self.model.assets.expression_prior, self.basis.expression, self.config
        if known is None:
            stds = basis.new_tensor((*config.jaw_std, config.eyelid_std, config.eyelid_std))
            return torch.diag(torch.cat([torch.full_like(basis[0], config.expression_std), stds]) ** 2)
        jaw = torch.diag(basis.new_tensor([config.jaw_factor] * 3 + [1.0, 1.0]))
        reduce = config.expression_std * torch.block_diag(basis, jaw)
        return reduce.T @ known.covariance.to(basis) @ reduce

    def _mean_head(self, first: _FirstPose) -> FlameParams:
        """At its first pose, a row a picture."""
        neutral = self.model.neutral_params(len(first.global_rot))
        return replace(neutral, global_rot=first.global_rot, translation=first.translation)

    def _first_pose(self, evidence: FaceEvidence) -> _FirstPose:
        landmarks, root = self.landmarks, self.model.joints_template[0]
        rigid, target = landmarks.rigid, landmarks.target(evidence.landmarks_px)
        global_rot, translation = pose_from_landmarks(landmarks.rest_m[rigid], root, target[:, rigid], evidence.camera)
        view = landmarks.view(axis_angle_to_matrix(global_rot), translation, root, evidence.camera)
        return _FirstPose(global_rot, translation, view)

    def _points_of_motion(self) -> FlamePoints:
        """Every eighth landmark off the face oval: they cover brows, lids, nose, lips and cheeks."""
        _, embedding = mediapipe_embedding(self.model.assets)
        rigid = self.landmarks.rigid.nonzero()[::_MOTION_STRIDE, 0].cpu()
        some = LandmarkEmbedding(embedding.face_index[rigid], embedding.barycentric[rigid])
        return FlamePoints.from_embedding(self.model, some).with_basis(self.basis)


def _started(problem: Problem, values: Mapping[str, Tensor]) -> Problem:
    """The problem from other values of its free variables; columns that these lack stay zero."""
    variables = dict(problem.variables)
    for name, value in values.items():
        variable = variables[name]
        if variable.free:
            more = variable.value.shape[1] - value.shape[1]
            variables[name] = replace(variable, value=torch.nn.functional.pad(value, (0, more)))
    return replace(problem, variables=variables)


def _along(
    predicted: IdentityEvidence | None, directions: Tensor | None, basis: Tensor, like: Tensor, rows: int
) -> tuple[Tensor, Tensor]:
    """Mean (rows, s) and covariance (rows, s, s), or one of all, of codes in a reduced basis (S, s).

    They are N(0, 1), but along ``directions`` (S, D) as predicted; ValueError if there is a prediction without these.
    """
    size = basis.shape[1]
    mean, covariance = like.new_zeros(rows, size), torch.eye(size).to(like)[None]
    if predicted is not None:
        if directions is None:
            raise ValueError("there is evidence of codes, but this fitter was built without their directions")
        seen = basis.T @ directions.to(like)  # (s, D)
        mean, covariance = predicted.mean @ seen.T, covariance + (seen * (predicted.std**2 - 1)[:, None]) @ seen.T
    return mean, covariance


def _block_diagonal(covariance: Tensor, variances: Tensor) -> Tensor:
    """(T, e, e) and (T, d) -> (T, e + d, e + d)."""
    return torch.stack([torch.block_diag(*pair) for pair in zip(covariance, torch.diag_embed(variances), strict=True)])


def _head_unknowns(initial: Mapping[str, Tensor], sharing: ParameterSharing) -> dict[str, tuple[Tensor, int]]:
    """From initial values, a row a picture, to the value and level of every unknown of the head.

    What pictures share starts from the mean of their initial values, but a pose from the first picture.
    """
    found: dict[str, tuple[Tensor, int]] = {}
    for name, rows in initial.items():
        level = SUBJECT if name == "shape" else sharing.pose_level if name in _POSE else FRAME
        owner = sharing.structure.owner(VIEW, level)
        if name in _POSE:
            found[name] = rows[_first_of(owner)], level
        else:
            total = rows.new_zeros(sharing.structure.count(level), rows.shape[1]).index_add_(0, owner, rows)
            found[name] = total / owner.bincount()[:, None], level
    return found


def _first_of(owner: Tensor) -> Tensor:
    """The first row of each owner, for rising owners."""
    return torch.cat([owner.new_ones(1, dtype=torch.bool), owner.diff() > 0]).nonzero()[:, 0]


def _check(evidence: FaceEvidence) -> None:
    landmarks = evidence.landmarks_px
    if landmarks.ndim != 3 or landmarks.shape[1:] != (N_MEDIAPIPE, 2) or not len(landmarks):
        raise ValueError(f"landmarks_px is {tuple(landmarks.shape)}; it must be (B, {N_MEDIAPIPE}, 2) with B >= 1")
    if not bool(torch.isfinite(landmarks).all()):
        raise ValueError("landmarks_px holds numbers that are not finite")
