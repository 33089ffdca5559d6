"""FLAME parameters of scans: the head model laid on points with normals, several scans of one person together.

Unlike in `teacher.registration.mesh`, it is not known which vertex a point belongs to. The surface is matched anew
before each round: every vertex of the face looks for the nearest scan point whose normal agrees, and is drawn
to its plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.points import FlamePoints
from shared.geometry.meshes import vertex_normals
from shared.records.tensor_record import TensorRecord
from teacher.config import SolverConfig
from teacher.residuals.planes import PlaneTerm
from teacher.residuals.positions import PositionTerm
from teacher.residuals.prior import GaussianPrior
from teacher.residuals.robust import PseudoHuber
from teacher.residuals.variables import from_params, manifold_of, to_params
from teacher.solver.levenberg import Problem, solve
from teacher.solver.structure import FRAME, SUBJECT, Structure
from teacher.solver.terms import Term, Variable

SURFACE_STD_M = 7e-4
# What two data sets mean by a landmark differs along the surface; on the rims of lids and lips it does not.
LANDMARK_STD_M, RIM_STD_M = 2e-3, 8e-4
JAWLINE, RIMS = 17, 36  # iBUG's first points lie on a contour that every data set draws elsewhere; the last on rims
NEUTRAL_FACTOR = 0.05  # of the prior's deviation of expression, where a scan is known to be neutral
REACH_M = (0.02, 0.012, 0.008, 0.005, 0.005, 0.004, 0.004, 0.004)  # of the search, round by round
LEAST_AGREEMENT = 0.6  # cosine between a vertex's normal and its scan point's
ROBUST = PseudoHuber(3.0)
PRIOR_STD = {
    "shape": 1.0,
    "expression": 1.0,
    "jaw": 0.3,
    "neck": 0.1,
    "left_eye": 0.3,
    "right_eye": 0.3,
    "eyelids": 0.5,
}
EXPRESSIVE = ("expression", "jaw", "eyelids")  # variables that are zero at rest
SOLVER = SolverConfig(max_steps=6, tolerance=1e-4)
OFFSET_ROUNDS = 2
FINENESS = 3  # every so many vertices of the face are matched


@dataclass(frozen=True)
class Scan(TensorRecord):
    """A face as points of its skin, metres, any frame in which it is upright and looks along +z."""

    points_m: Tensor  # (N, 3)
    normals: Tensor  # (N, 3) unit, outward
    ibug68_m: Tensor  # (68, 3)


def register_scans(
    model: FlameModel, scans: Sequence[Scan], neutral: Sequence[int] = (), ibug68_offset_m: Tensor | None = None
) -> FlameParams:
    """Parameters (T, ...) of T scans of one person: one shape, an expression and a pose each.

    Args:
        model: the head.
        scans: T of them.
        neutral: places of those that are known to show the face at rest.
        ibug68_offset_m: (68, 3) from the head's own landmarks to where the scans' data set draws them, unposed head.
    """
    surface = FlamePoints.from_vertices(model, _face_vertices(model))
    ibug = model.assets.landmarks["ibug68"]
    landmarks = FlamePoints.from_embedding(model, ibug, ibug68_offset_m)
    structure = Structure.of_one(torch.arange(len(scans)))
    whole = CodeBasis(torch.eye(model.n_shape), torch.eye(model.n_expression))
    values = from_params(_start(model, landmarks, scans), whole)
    targets = torch.stack([scan.ibug68_m for scan in scans]).to(values["shape"])
    rest = torch.isin(torch.arange(len(scans)), torch.tensor(neutral, dtype=torch.int64))
    for reach_m in REACH_M:
        params = to_params(values, whole)
        terms: dict[str, Term] = {
            "surface": _match(model, params, surface, scans, reach_m),
            "landmarks": _landmark_term(landmarks, targets),
        }
        variables = {}
        for name, value in values.items():
            level = SUBJECT if name == "shape" else FRAME
            held = value[:1] if level == SUBJECT else value
            variables[name] = Variable(held, manifold_of(name), level)
            if name in PRIOR_STD:
                std = torch.full_like(held, PRIOR_STD[name])
                if name in EXPRESSIVE:
                    std[rest] *= NEUTRAL_FACTOR
                terms[f"{name}_prior"] = GaussianPrior(name, level, torch.zeros_like(held), std)
        problem = Problem(structure, variables, terms)
        values = {name: value.clone() for name, value in problem.seen(solve(problem, SOLVER).values, 0).items()}
    return to_params(values, whole)


def landmark_offsets(model: FlameModel, neutral: Sequence[Scan]) -> Tensor:
    """(68, 3) metres, unposed head: where the scans' data set draws iBUG's landmarks beside the head's own.

    Measured on scans of faces at rest, one a person, along the surface only: across it the surface itself decides. The
    same on both sides of the face; zero along the jaw line.
    """
    landmarks, faces = model.assets.landmarks["ibug68"], model.faces
    rest = landmarks.positions(model.v_template, faces)
    normal = torch.nn.functional.normalize(
        landmarks.positions(vertex_normals(model.v_template, model.faces), faces), dim=1
    )
    mirror = rest.new_tensor([-1.0, 1.0, 1.0])
    partner = torch.cdist(rest * mirror, rest).argmin(1)
    offset = torch.zeros_like(rest)
    for _ in range(OFFSET_ROUNDS):
        found = []
        for scan in neutral:
            with torch.no_grad():
                posed = model(register_scans(model, [scan], [0], offset)).verts_m[0]
            found.append(scan.ibug68_m - landmarks.positions(posed, faces))
        mean = torch.stack(found).mean(0)
        mean = mean - (mean * normal).sum(1, keepdim=True) * normal
        mean[:JAWLINE] = 0
        offset = (mean + mean[partner] * mirror) / 2
    return offset


def _landmark_term(landmarks: FlamePoints, targets: Tensor) -> PositionTerm:
    std = targets.new_full(targets.shape[:2], LANDMARK_STD_M)
    std[:, RIMS:] = RIM_STD_M
    std[:, :JAWLINE] = torch.inf
    return PositionTerm(landmarks, targets, std)


def _face_vertices(model: FlameModel) -> Tensor:
    return model.assets.region("face").nonzero()[::FINENESS, 0]


def _start(model: FlameModel, landmarks: FlamePoints, scans: Sequence[Scan]) -> FlameParams:
    """The mean head where its inner landmarks lie on those of the scans."""
    rest = landmarks.rest_positions()[JAWLINE:].mean(0)
    place = torch.stack([scan.ibug68_m[JAWLINE:].mean(0) for scan in scans]).to(rest) - rest
    return replace(model.neutral_params(len(scans)), translation=place)


def _match(
    model: FlameModel, params: FlameParams, surface: FlamePoints, scans: Sequence[Scan], reach_m: float
) -> PlaneTerm:
    """The plane of each vertex in each scan."""
    vertices = _face_vertices(model)
    with torch.no_grad():
        posed = model(params).verts_m
    normals = vertex_normals(posed, model.faces)[:, vertices].numpy()
    places = posed[:, vertices].numpy()
    targets, planes, stds = [], [], []
    for row, scan in enumerate(scans):
        points, directions = scan.points_m.numpy(), scan.normals.numpy()
        distance, nearest = KDTree(points).query(places[row])
        agrees = (normals[row] * directions[nearest]).sum(1) > LEAST_AGREEMENT
        stds.append(np.where((distance < reach_m) & agrees, SURFACE_STD_M, np.inf))
        targets.append(points[nearest])
        planes.append(directions[nearest])
    target, plane, std = (torch.from_numpy(np.stack(part)).to(posed) for part in (targets, planes, stds))
    return PlaneTerm(surface, ROBUST, target, plane, std)
