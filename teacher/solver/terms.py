"""What the solver asks of unknowns and of the terms of an energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from shared.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from teacher.solver.structure import FRAME, SUBJECT, VIEW

Values = Mapping[str, Tensor]  # variable name -> (rows, D)


class Manifold(Protocol):
    """How a variable is moved by a step in its tangent space."""

    def retract(self, value: Tensor, step: Tensor) -> Tensor:
        """(rows, D) moved by (rows, D)."""
        ...


class Euclidean:
    """Plain addition."""

    def retract(self, value: Tensor, step: Tensor) -> Tensor:
        """value + step."""
        return value + step


class Rotation:
    """Axis-angle, stepped by a left perturbation: ``R <- exp(step) R``."""

    def retract(self, value: Tensor, step: Tensor) -> Tensor:
        """Axis-angle (rows, 3) turned by axis-angle (rows, 3)."""
        turn, before = axis_angle_to_matrix(torch.stack([step, value]))
        return matrix_to_axis_angle(turn @ before)


@dataclass(frozen=True)
class Variable:
    """A block of unknowns."""

    value: Tensor  # (rows of the level, D)
    manifold: Manifold
    level: int = VIEW  # what each row belongs to
    free: bool = True  # a fixed variable is handed to the terms but not moved


@dataclass(frozen=True)
class Linearisation:
    """A term near the current values, scaled by the square root of the robust weight.

    ``jacobian[name]`` is (rows, M, D), or (rows, M) for a diagonal block with M = D. Names of fixed variables may be
    present; they are ignored.
    """

    residual: Tensor  # (rows, M)
    jacobian: Mapping[str, Tensor]


class Term(Protocol):
    """One term of the energy, a row for each row of its level.

    It is handed the variables of its own and of higher levels, each by the row that its own row belongs to.
    """

    @property
    def level(self) -> int:
        """VIEW, FRAME or SUBJECT."""
        ...

    def energy(self, values: Values) -> Tensor:
        """(rows,) the term's share of the energy."""
        ...

    def linearise(self, values: Values) -> Linearisation:
        """Residual and Jacobian such that ``J^T r`` is the gradient of `energy` in the tangent space."""
        ...

    def __getitem__(self, index: Tensor) -> Term:
        """The same term for some of the rows."""
        ...


@dataclass(frozen=True)
class ChainLinearisation:
    """Residuals that compare three successive frames: ``x[i] - 2 x[i + 1] + x[i + 2]``."""

    residual: Tensor  # (T - 2, M) times the square root of the robust weight
    weight: Tensor  # (T - 2, M) that square root; 0 where the three are not of one subject
    jacobian: Mapping[str, Tensor]  # of x: (T, M, D), without the weight


class ChainTerm(Protocol):
    """A term between successive frames, three at least; it sees variables of FRAME and SUBJECT, by frame."""

    def energy(self, values: Values, structure_subject: Tensor) -> Tensor:
        """(T,) the energy, each share at the middle one of its frames."""
        ...

    def linearise(self, values: Values, structure_subject: Tensor) -> ChainLinearisation:
        """As for a `Term`; derivatives by variables of SUBJECT must be zero."""
        ...

    def __getitem__(self, index: Tensor) -> ChainTerm:
        """The same term for some of the frames."""
        ...


__all__ = ["FRAME", "SUBJECT", "VIEW", "ChainLinearisation", "ChainTerm", "Euclidean", "Linearisation", "Manifold",
           "Rotation", "Term", "Values", "Variable"]  # fmt: skip
