"""Focal length of pictures that do not tell it: a search over the field of view.

One picture hardly shows its focal length; what perspective there is in a face decides, together with what lenses people
use. The energy is nearly flat along it, as distance and shape of the head make up for it, and what a network gets wrong
may look like perspective. So it is not left to the gradient: a few focal lengths are tried, each by some steps from the
fit at the assumed one, and a parabola through the best and its neighbours, together with the prior, decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.config import FocalConfig
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.focal import focal_to_35mm
from shared.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from shared.records import concatenate
from teacher.evidence import FaceEvidence
from teacher.fitter import Case, HeadFitter
from teacher.observe import ObservedFace
from teacher.prior.geometry.crops import R_crop_camera
from teacher.residuals.normals import NormalTerm
from teacher.residuals.pixels import PixelTerm
from teacher.solver.levenberg import Problem, solve
from teacher.solver.structure import PERSON, PICTURE, Structure
from teacher.solver.terms import Term, Values


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
        config, rows = self.config, len(evidence.landmarks_px)
        structure = structure or Structure.photos(rows, evidence.landmarks_px.device)
        logs = torch.linspace(math.log(config.shortest_35mm), math.log(config.longest_35mm), config.steps)
        logs = logs.to(assumed_35mm)
        energy = self.energy(evidence, structure, logs[:, None].exp() / assumed_35mm)
        unlikely = 0.5 * ((logs - math.log(config.typical_35mm)) / config.log_std) ** 2
        best = parabola_minimum(logs, energy.T + unlikely)
        return best.exp() / assumed_35mm

    def energy(self, evidence: FaceEvidence, structure: Structure, factors: Tensor) -> Tensor:
        """(K, G) energies of each person's pictures at factors (K, G) of the assumed focal length.

        The noise of all that is seen stays what it is at the assumed one; otherwise a focal length could win because
        the noise is larger there.
        """
        solver, count = self.fitter.config.solver, len(factors)
        here = solve(self.fitter.problem(evidence, Case(structure)), solver).values
        many = concatenate([evidence] * count)
        problem = self.fitter.problem(many, Case(_repeated(structure, count)))
        factor = factors[:, structure.owner(PICTURE, PERSON)].flatten()
        seen = under_focal(many, factor)
        root_m = self.fitter.model.joints_template[0]
        start = _moved_head({name: value.repeat(count, 1) for name, value in here.items()}, many.camera, factor, root_m)
        tried = Problem(
            problem.structure,
            {name: replace(variable, value=start[name]) for name, variable in problem.variables.items()},
            [_seen_under(term, seen) for term in problem.terms],
        )
        return solve(tried, replace(solver, max_steps=self.config.refinements)).energy.unflatten(0, (count, -1))


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
    dense = evidence.dense
    if dense is not None and dense.normal_frame == "world":
        turn = _turn_of_sight(evidence.camera, camera)
        dense = replace(dense, normal=dense.normal @ turn.transpose(1, 2))
    return replace(evidence, camera=camera, dense=dense)


def parabola_minimum(places: Tensor, values: Tensor) -> Tensor:
    """(B,) where the parabola through the lowest of (B, K) values and its neighbours is lowest; places (K,) even."""
    lowest = values.argmin(-1, keepdim=True)
    inner = lowest.clamp(1, len(places) - 2)
    low, here, high = (values.gather(-1, inner + step)[..., 0] for step in (-1, 0, 1))
    bend = low - 2 * here + high
    offset = 0.5 * (low - high) / torch.where(bend > 0, bend, 1)
    offset = torch.where(bend > 0, offset.clamp(-0.5, 0.5), 0)
    at_end = (lowest != inner)[..., 0]
    step = places[1] - places[0]
    return torch.where(at_end, places[lowest[..., 0]], places[inner[..., 0]] + offset * step)


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
    whole = Crop(before.focal_px.new_tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), before.size)
    world_before, world_after = (R_crop_camera(one, whole) @ one.T_cam_world[:, :3, :3] for one in (before, after))
    return world_after.transpose(1, 2) @ world_before


def _moved_head(values: Values, camera: Camera, factor: Tensor, root_m: Tensor) -> dict[str, Tensor]:
    """Heads where they look the same under another focal length, but for perspective."""
    turn = _turn_of_sight(camera, replace(camera, focal_px=camera.focal_px * factor[:, None]))
    ahead = camera.T_cam_world[:, 2]  # of the optical axis
    root_world = values["translation"] + root_m
    depth_m = (root_world * ahead[:, :3]).sum(1) + ahead[:, 3]
    translation = values["translation"] + (factor - 1)[:, None] * depth_m[:, None] * ahead[:, :3]
    global_rot = matrix_to_axis_angle(turn @ axis_angle_to_matrix(values["global_rot"]))
    return {**values, "translation": translation, "global_rot": global_rot}


def _seen_under(term: Term, seen: FaceEvidence) -> Term:
    """The term with the cameras and normals of ``seen``, and its noise."""
    if isinstance(term, PixelTerm):
        return replace(term, camera=seen.camera)
    if isinstance(term, NormalTerm):
        assert seen.dense is not None
        return replace(term, normal=seen.dense.normal)
    return term


def _repeated(structure: Structure, count: int) -> Structure:
    """The same pictures ``count`` times over, each time of other persons."""
    moments, persons = (
        torch.cat([index + repeat * (int(index[-1]) + 1) for repeat in range(count)])
        for index in (structure.moment, structure.person)
    )
    return Structure(moments, persons)
