"""Focal length of pictures that do not say it: a search over the field of view.

One picture hardly shows its focal length; what perspective there is in a face decides, together with what lenses people
use. Distance and shape of the head make up for most of it, so the energy is flat, and it is not left to the gradient:
the fit is run at the assumed focal length and, by some steps from there, at a shorter and a longer one. Perspective
goes with the inverse of the distance, so with that of the focal length, in which the energy is nearly a parabola.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.face_crop import R_sight_world
from shared.geometry.focal import focal_to_35mm
from shared.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from shared.records.tensor_record import concatenate
from teacher.config import FocalConfig
from teacher.evidence.records import FaceEvidence
from teacher.fitting.fitter import HeadFitter, ParameterSharing
from teacher.observation.face import ObservedFace
from teacher.residuals.contour import ContourTerm
from teacher.residuals.normals import NormalTerm
from teacher.residuals.pixels import PixelTerm
from teacher.solver.levenberg import Problem, solve
from teacher.solver.structure import Structure
from teacher.solver.terms import Term, Values

_GRID, _NEWTON = 64, 8


@dataclass(frozen=True)
class FocalSearch:
    """Finds focal lengths with a fitter of heads."""

    fitter: HeadFitter
    config: FocalConfig

    def __call__(self, evidence: FaceEvidence, assumed_35mm: Tensor, structure: Structure | None = None) -> Tensor:
        """The most probable focal length of each person's pictures, over the assumed one.

        Args:
            evidence: (N) rows, each a moment of its own, with cameras of the assumed focal lengths.
            assumed_35mm: (G,) these, as 35 mm equivalents.
            structure: which of G persons each picture shows, all of a person through one lens; None: each another.

        Returns:
            (G,) factors.
        """
        rows = len(evidence.landmarks_px)
        structure = structure or Structure.photos(rows, evidence.landmarks_px.device)
        return most_probable(self.energy(evidence, structure), assumed_35mm, self.config)

    def energy(self, evidence: FaceEvidence, structure: Structure) -> Tensor:
        """(3, G) energies of each person's pictures, at the inverse focal lengths 1 - reach, 1, 1 + reach.

        The noise of all that is seen stays what it is at the assumed one; otherwise a focal length could win because
        the noise is larger there.
        """
        solver, reach = self.fitter.config.solver, self.config.reach
        here = solve(self.fitter.problem(evidence, ParameterSharing(structure)), solver)
        both = concatenate([evidence] * 2)
        problem = self.fitter.problem(both, ParameterSharing(_twice(structure)))
        inverse = evidence.landmarks_px.new_tensor([1 - reach, 1 + reach])
        factor = (1 / inverse).repeat_interleave(len(evidence.landmarks_px))
        camera = replace(both.camera, focal_px=both.camera.focal_px * factor[:, None])
        turn = _turn_of_sight(both.camera, camera)
        values = {name: value.repeat(2, 1) for name, value in here.values.items()}
        start = _moved_head(values, both.camera, factor, turn, self.fitter.model.joints_template[0])
        tried = Problem(
            problem.structure,
            {name: replace(variable, value=start[name]) for name, variable in problem.variables.items()},
            {name: _through(term, camera, turn) for name, term in problem.terms.items()},
        )
        longer, shorter = solve(tried, replace(solver, max_steps=self.config.steps)).energy.chunk(2)
        return torch.stack([longer, here.energy, shorter])


def most_probable(energy: Tensor, assumed_35mm: Tensor, config: FocalConfig) -> Tensor:
    """Where the parabola through three energies and the prior together are lowest.

    Args:
        energy: (3, G) at inverse focal lengths 1 - reach, 1, 1 + reach times the assumed one.
        assumed_35mm: (G,) the assumed one as 35 mm equivalent.
        config: the prior, and the range.

    Returns:
        (G,) focal lengths over the assumed one.
    """
    low, here, high = energy
    slope = (high - low) / (2 * config.reach)
    bend = (high - 2 * here + low) / (2 * config.reach**2)
    shortest, longest, middle = (
        math.log(mm) - assumed_35mm.log() for mm in (config.shortest_35mm, config.longest_35mm, config.typical_35mm)
    )
    precision = config.log_std**-2

    def total(log: Tensor) -> Tensor:
        off = (-log).exp() - 1
        return slope * off + bend * off**2 + 0.5 * precision * (log - middle) ** 2

    grid = torch.stack([torch.lerp(shortest, longest, share) for share in torch.linspace(0, 1, _GRID).tolist()])
    best = grid.gather(0, total(grid).argmin(0, keepdim=True))[0]
    for _ in range(_NEWTON):  # to the bottom, as a grid would make jumps of what is continuous
        inverse = (-best).exp()
        first = -inverse * (slope + 2 * bend * (inverse - 1)) + precision * (best - middle)
        second = inverse * (slope + 2 * bend * (2 * inverse - 1)) + precision
        best = torch.where(second > 0, best - first / second, best)
        best = torch.minimum(torch.maximum(best, shortest), longest)
    return best.exp()


def with_focal_lengths(
    faces: Sequence[ObservedFace], evidence: FaceEvidence, search: FocalSearch | None
) -> tuple[list[ObservedFace], FaceEvidence]:
    """Faces and what is seen of them (N rows), with focal lengths estimated where they are only assumed.

    Each face is taken as another person through another lens. Without a search all stays as it is.
    """
    unknown = [row for row, face in enumerate(faces) if face.focal_source == "assumed"]
    if search is None or not unknown:
        return list(faces), evidence
    factor = evidence.landmarks_px.new_ones(len(faces))
    factor[unknown] = search(evidence[torch.tensor(unknown)], _assumed_35mm([faces[row] for row in unknown], factor))
    return _estimated(faces, factor), under_focal(evidence, factor)


def with_one_focal_length(
    faces: Sequence[ObservedFace], evidence: FaceEvidence, rows: Tensor, search: FocalSearch | None
) -> tuple[list[ObservedFace], FaceEvidence]:
    """The same for pictures (N rows) of one person through one lens; it is estimated from some ``rows`` together."""
    if search is None or faces[0].focal_source != "assumed":
        return list(faces), evidence
    assumed = _assumed_35mm(faces[:1], evidence.landmarks_px)
    structure = Structure.of_one(torch.arange(len(rows), device=evidence.landmarks_px.device))
    factor = search(evidence[rows], assumed, structure)
    factor = factor.expand(len(faces))
    return _estimated(faces, factor), under_focal(evidence, factor)


def under_focal(evidence: FaceEvidence, factor: Tensor) -> FaceEvidence:
    """What is seen (N rows) if the focal lengths are ``factor`` (N,) times those of its cameras.

    The pixels stay. Normals were seen relative to the line of sight to the face, and turn with it.
    """
    camera = replace(evidence.camera, focal_px=evidence.camera.focal_px * factor[:, None])
    turn = _turn_of_sight(evidence.camera, camera)
    dense = evidence.dense
    if dense is not None and dense.normal_frame == "world":
        dense = replace(dense, normal=dense.normal @ turn.transpose(1, 2))
    return replace(evidence, camera=camera, dense=dense)


def _assumed_35mm(faces: Sequence[ObservedFace], like: Tensor) -> Tensor:
    return like.new_tensor([focal_to_35mm(float(face.camera.focal_px[0]), face.camera.size) for face in faces])


def _estimated(faces: Sequence[ObservedFace], factor: Tensor) -> list[ObservedFace]:
    """The faces with focal lengths that are ``factor`` (N,) times the assumed ones; known ones stay."""
    found = []
    for face, times in zip(faces, factor.cpu(), strict=True):
        if face.focal_source == "assumed":
            camera = replace(face.camera, focal_px=face.camera.focal_px * times)
            face = replace(face, camera=camera, focal_source="estimated")
        found.append(face)
    return found


def _turn_of_sight(before: Camera, after: Camera) -> Tensor:
    """(N, 3, 3) rotation in the world that the line of sight to the crop's middle makes between two crop cameras."""
    return R_sight_world(after).transpose(1, 2) @ R_sight_world(before)


def _moved_head(values: Values, camera: Camera, factor: Tensor, turn: Tensor, root_m: Tensor) -> dict[str, Tensor]:
    """Heads where they look the same under another focal length, but for perspective."""
    ahead = camera.T_cam_world[:, 2]  # of the optical axis
    root_world = values["translation"] + root_m
    depth_m = (root_world * ahead[:, :3]).sum(1) + ahead[:, 3]
    translation = values["translation"] + (factor - 1)[:, None] * depth_m[:, None] * ahead[:, :3]
    global_rot = matrix_to_axis_angle(turn @ axis_angle_to_matrix(values["global_rot"]))
    return {**values, "translation": translation, "global_rot": global_rot}


def _through(term: Term, camera: Camera, turn: Tensor) -> Term:
    """The term with other cameras, its normals turned as the line of sight is, and the noise that it has."""
    if isinstance(term, NormalTerm):
        return replace(term, normal=term.normal @ turn.transpose(1, 2))
    if isinstance(term, PixelTerm | ContourTerm):
        return replace(term, camera=camera)
    return term


def _twice(structure: Structure) -> Structure:
    """The same pictures two times, the second time of other persons."""
    moment, person = (torch.cat([own, own + own[-1] + 1]) for own in (structure.frame, structure.subject))
    return Structure(moment, person)
