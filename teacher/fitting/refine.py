"""Some steps of the solver from a predicted head towards landmarks; the refiner of `shared.plugins.refine`.

A refinement moves a face by millimetres. So coefficients, lids, jaw and gaze act through their exact derivatives at the
prediction, which are taken once; the pose of the head and the perspective are exact in every step. A step then costs a
fraction of one of the whole fit, and the prediction itself is the prior: what its network is sure of moves little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from shared.config import RefineConfig
from shared.flame.code_basis import CodeBasis
from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.projection import projection_rows
from shared.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from shared.plugins.refine import CoefficientBasis, InitialHead, Refiner
from shared.records.tensor_record import TensorRecord
from teacher.config import FitConfig, SolverConfig
from teacher.energy.landmarks import LandmarkEvidence
from teacher.residuals.prior import GaussianPrior
from teacher.residuals.robust import PseudoHuber
from teacher.residuals.variables import from_params, head_jacobian, pose_points
from teacher.solver.levenberg import Problem, solve
from teacher.solver.structure import VIEW, Structure
from teacher.solver.terms import Euclidean, Linearisation, Rotation, Term, Values, Variable

FACE, TURN, SHIFT = "face", "turn", "shift"  # variables: what moves in the face, and the head, from the prediction
_MOVING = ("shape", "expression", "eyelids", "jaw", "left_eye", "right_eye")  # the face, in this order


def landmark_refiner(model: FlameModel, directions: CoefficientBasis, config: RefineConfig) -> Refiner:
    """ValueError if the head knows no landmarks, or the directions are not of its codes."""
    return LandmarkRefiner(model, directions, config)


class LandmarkRefiner:
    """Build it once for a head and a network."""

    def __init__(self, model: FlameModel, directions: CoefficientBasis, config: RefineConfig) -> None:
        sizes = directions.shape.shape[0], directions.expression.shape[0]
        if sizes != (model.n_shape, model.n_expression):
            raise ValueError(f"directions are of {sizes} codes, head {model.assets.name!r} has "
                             f"{(model.n_shape, model.n_expression)}")  # fmt: skip
        self.model, self.config = model, config
        self.basis = CodeBasis(directions.shape.to(model.v_template), directions.expression.to(model.v_template))
        independent = FitConfig(landmark_noise=config.landmark_factor, hidden_factor=config.hidden_factor)
        self.landmarks = LandmarkEvidence.of(model, independent)
        self._every_code = CodeBasis(torch.eye(sizes[0]).to(model.v_template), torch.eye(sizes[1]).to(model.v_template))
        self._reduced = self.landmarks.points.with_basis(self.basis)

    def __call__(self, initial: InitialHead, landmarks_px: Tensor, steps: int) -> FlameParams:
        """See `shared.plugins.refine.Refiner`."""
        _check(initial, landmarks_px)
        if steps == 0:
            return initial.params
        solver = SolverConfig(max_steps=steps, damping=self.config.damping)
        with torch.inference_mode():  # a quarter faster than without gradients alone
            found = solve(self.problem(initial, landmarks_px), solver).values
            moved = self._moved(initial.params, found)
        return moved.map(torch.clone)

    def problem(self, initial: InitialHead, landmarks_px: Tensor) -> Problem:
        """The energy, whose unknowns are zero at the prediction."""
        rows, pivot_m = len(landmarks_px), self._root(initial.params) + initial.params.translation
        depth_m = initial.camera.world_to_cam(pivot_m[:, None])[:, 0, 2:].clamp(min=1e-3)
        stds = {FACE: self._deviations(initial), SHIFT: (self.config.distance_std * depth_m).expand(-1, 3)}
        variables = {
            FACE: Variable(torch.zeros_like(stds[FACE]), Euclidean()),
            TURN: Variable(landmarks_px.new_zeros(rows, 3), Rotation()),
            SHIFT: Variable(torch.zeros_like(stds[SHIFT]), Euclidean()),
        }
        terms: dict[str, Term] = {
            "landmarks": self._term(initial, landmarks_px, pivot_m),
            **{f"{name}_prior": GaussianPrior(name, VIEW, torch.zeros_like(std), std) for name, std in stds.items()},
        }
        return Problem(Structure.photos(rows, landmarks_px.device), variables, terms)

    def _term(self, initial: InitialHead, landmarks_px: Tensor, pivot_m: Tensor) -> NearbyPixels:
        params, camera, landmarks = initial.params, initial.camera, self.landmarks
        values = from_params(params, self._every_code)
        posed = pose_points(landmarks.points, values)
        eye = torch.eye(3).to(landmarks_px).expand(*posed.position.shape, 3)
        by_name = head_jacobian(posed.in_basis(self._reduced), eye, values, self._reduced.sizes)
        moves = torch.cat([by_name[name] for name in _MOVING], -1).unflatten(1, (-1, 3))

        root = self.model.joints_template[0]
        view = landmarks.view(axis_angle_to_matrix(params.global_rot), params.translation, root, camera)
        return NearbyPixels(
            points_m=posed.position - pivot_m[:, None],
            moves=moves,
            pivot_m=pivot_m,
            camera=camera,
            target_px=landmarks.target(landmarks_px),
            std_px=landmarks.total_std_px(view),
            kernel=PseudoHuber(self.config.robust_threshold),
        )

    def _deviations(self, initial: InitialHead) -> Tensor:
        """(B, U) of the face's unknowns, in the order of `_MOVING`."""
        config, like = self.config, initial.params.jaw
        return torch.cat(
            [
                initial.shape_std.clamp(max=1) * config.prediction_factor,
                initial.expression_std.clamp(max=1) * config.prediction_factor,
                torch.full_like(like[:, :2], config.eyelid_std),
                (initial.jaw_std * config.prediction_factor).clamp(max=config.jaw_std),
                torch.full_like(like, config.eye_std).repeat(1, 2),
            ],
            1,
        )

    def _moved(self, initial: FlameParams, found: Mapping[str, Tensor]) -> FlameParams:
        sizes = self.basis.sizes
        shape, expression, eyelids, jaw, eyes = found[FACE].split([sizes.shape, sizes.expression, 2, 3, 6], 1)
        turn = axis_angle_to_matrix(found[TURN])
        moved = replace(
            initial,
            shape=initial.shape + shape @ self.basis.shape.T,
            expression=initial.expression + expression @ self.basis.expression.T,
            eyelids=initial.eyelids + eyelids,
            jaw=initial.jaw + jaw,
            eyes=initial.eyes + eyes.unflatten(1, (2, 3)),
            global_rot=matrix_to_axis_angle(turn @ axis_angle_to_matrix(initial.global_rot)),
        )
        # The head turned about the prediction's root, while FLAME turns it about its own, which its codes have moved.
        aside = self._root(moved) - self._root(initial)
        carried = (turn @ aside[..., None])[..., 0] - aside
        return replace(moved, translation=initial.translation + carried + found[SHIFT])

    def _root(self, params: FlameParams) -> Tensor:
        """(B, 3) the root joint of the unposed head."""
        return self.model.rest_joints(self.model.coefficients(params))[:, 0]


@dataclass(frozen=True)
class NearbyPixels(TensorRecord):
    """``(project(x_p) - target_p) / std_p`` near a prediction: ``x = R (points + moves face) + pivot + shift``."""

    points_m: Tensor  # (B, P, 3) at the prediction, world axes, from the pivot
    moves: Tensor  # (B, P, 3, U) their derivatives by the face's unknowns
    pivot_m: Tensor  # (B, 3) world
    camera: Camera  # (B)
    target_px: Tensor  # (B, P, 2)
    std_px: Tensor  # (B, P)
    kernel: PseudoHuber

    @property
    def level(self) -> int:
        """A row a picture."""
        return VIEW

    def energy(self, values: Values) -> Tensor:
        """(B,)"""
        residual = self._residual(self._world(self._turned(values, axis_angle_to_matrix(values[TURN])), values))
        return self.kernel.energy((residual**2).sum(-1)).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by the face, the head's turn and its shift."""
        rotation = axis_angle_to_matrix(values[TURN])
        turned = self._turned(values, rotation)
        world = self._world(turned, values)
        residual = self._residual(world)
        weight = self.kernel.weight((residual**2).sum(-1)).sqrt()
        rows = projection_rows(self.camera, world) * (weight / self.std_px)[..., None, None]
        jacobian = {
            FACE: (rows @ rotation[:, None]) @ self.moves,
            TURN: torch.linalg.cross(turned[:, :, None].expand_as(rows), rows),
            SHIFT: rows,
        }
        by_name = {name: block.flatten(1, 2) for name, block in jacobian.items()}
        return Linearisation((residual * weight[..., None]).flatten(1), by_name)

    def _turned(self, values: Values, rotation: Tensor) -> Tensor:
        """(B, P, 3) the points from the pivot, after the face has moved and the head has turned."""
        moved = (self.moves.flatten(1, 2) @ values[FACE][..., None]).unflatten(1, (-1, 3))[..., 0]
        return (self.points_m + moved) @ rotation.transpose(1, 2)

    def _world(self, turned: Tensor, values: Values) -> Tensor:
        return turned + (self.pivot_m + values[SHIFT])[:, None]

    def _residual(self, world: Tensor) -> Tensor:
        """(B, P, 2) in standard deviations."""
        return (self.camera.project(world) - self.target_px) / self.std_px[..., None]


def _check(initial: InitialHead, landmarks_px: Tensor) -> None:
    rows = len(initial.params.shape)
    if landmarks_px.shape != (rows, N_MEDIAPIPE, 2) or not rows:
        raise ValueError(f"landmarks_px is {tuple(landmarks_px.shape)}; it must be ({rows}, {N_MEDIAPIPE}, 2)")
    params = initial.params
    for name, value in [("landmarks_px", landmarks_px), *((f.name, getattr(params, f.name)) for f in fields(params))]:
        if not bool(torch.isfinite(value).all()):
            raise ValueError(f"{name} holds numbers that are not finite")
