"""The unknowns of a head fit by name, and their way to and from `FlameParams`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from shared.flame.code_basis import CodeBasis, CodeSizes
from shared.flame.params import FlameParams
from shared.flame.points import (
    ROTATIONS,
    FlamePoints,
    PosedPoints,
    axis_angle_jacobian,
    stack_rotations,
)
from shared.geometry.rotation import left_jacobian
from teacher.solver.terms import Euclidean, Manifold, Rotation, Values

CODES = ("shape", "expression", "eyelids")
MANIFOLDS: Mapping[str, Manifold] = {"global_rot": Rotation()}


def manifold_of(name: str) -> Manifold:
    """The head's own rotation may be any; the joints stay small and use plain axis-angle."""
    return MANIFOLDS.get(name, Euclidean())


def pose_points(points: FlamePoints, values: Values) -> PosedPoints:
    """Pose points at the current values."""
    codes = torch.cat([values[name] for name in CODES], -1)
    return points.pose(codes, stack_rotations(*(values[name] for name in ROTATIONS)), values["translation"])


def head_jacobian(posed: PosedPoints, rows: Tensor, values: Values, sizes: CodeSizes) -> dict[str, Tensor]:
    """Derivatives by every head variable in its tangent space. Rows (B, P, R, 3) -> name -> (B, P R, D)."""
    pulled = posed.pull_back(rows)
    jacobian = sizes.split(pulled.pop("codes"))
    plain = [name for name in ROTATIONS if name not in MANIFOLDS]
    by_vector = left_jacobian(torch.stack([values[name] for name in plain]))  # all at once: this is called often
    jacobian |= pulled
    jacobian |= {name: axis_angle_jacobian(pulled[name], by) for name, by in zip(plain, by_vector, strict=True)}
    return {name: block.flatten(1, 2) for name, block in jacobian.items()}


def to_params(values: Values, basis: CodeBasis) -> FlameParams:
    """Values in a reduced basis -> parameters of the model."""
    return FlameParams(
        shape=values["shape"] @ basis.shape.T,
        expression=values["expression"] @ basis.expression.T,
        global_rot=values["global_rot"],
        neck=values["neck"],
        jaw=values["jaw"],
        eyes=torch.stack([values["left_eye"], values["right_eye"]], -2),
        translation=values["translation"],
        eyelids=values["eyelids"],
    )


def from_params(params: FlameParams, basis: CodeBasis) -> dict[str, Tensor]:
    """Parameters (B rows) -> values; codes outside the basis are projected away."""
    return {
        "shape": params.shape @ basis.shape,
        "expression": params.expression @ basis.expression,
        "eyelids": params.eyelids,
        "global_rot": params.global_rot,
        "neck": params.neck,
        "jaw": params.jaw,
        "left_eye": params.eyes[..., 0, :],
        "right_eye": params.eyes[..., 1, :],
        "translation": params.translation,
    }
