"""FLAME parameters of a mesh in the head's own topology, such as a registered scan or another fit."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.points import FlamePoints
from teacher.config import SolverConfig
from teacher.residuals.positions import PositionTerm
from teacher.residuals.prior import GaussianPrior
from teacher.residuals.variables import from_params, manifold_of, to_params
from teacher.solver.levenberg import Problem, solve
from teacher.solver.structure import VIEW, Structure
from teacher.solver.terms import Variable

VERTEX_STD_M = 1e-4
# Loose: the vertices determine every coefficient, these only keep codes that move nothing near zero.
PRIOR_STD = {"shape": 10.0, "expression": 10.0, "eyelids": 1.0}
SOLVER = SolverConfig(max_steps=40, tolerance=1e-6)


def fit_vertices(model: FlameModel, verts_m: Tensor) -> FlameParams:
    """Parameters (B, ...) whose vertices come nearest to ``verts_m`` (B, V, 3), metres, world frame."""
    vertices = model.faces.unique()
    whole = CodeBasis(*(torch.eye(count).to(verts_m) for count in (model.n_shape, model.n_expression)))
    start = from_params(model.neutral_params(len(verts_m)), whole)
    start["translation"] = verts_m.mean(1)
    std = torch.full_like(verts_m[:, vertices, 0], VERTEX_STD_M)
    terms = {
        "vertices": PositionTerm(FlamePoints.from_vertices(model, vertices), verts_m[:, vertices], std),
        **{
            f"{name}_prior": GaussianPrior(
                name, VIEW, torch.zeros_like(start[name]), torch.full_like(start[name], deviation)
            )
            for name, deviation in PRIOR_STD.items()
        },
    }
    variables = {name: Variable(value, manifold_of(name)) for name, value in start.items()}
    problem = Problem(Structure.photos(len(verts_m), verts_m.device), variables, terms)
    return to_params(solve(problem, SOLVER).values, whole)
