"""Problems whose answer is known, for the solver's tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from shared.geometry.rotation import axis_angle_to_matrix, skew
from shared.records.tensor_record import TensorRecord
from teacher.config import SolverConfig
from teacher.solver.levenberg import Problem
from teacher.solver.structure import FRAME, SUBJECT, VIEW, Structure
from teacher.solver.terms import ChainLinearisation, ChainTerm, Euclidean, Linearisation, Term, Variable

CONFIG = SolverConfig(max_steps=200, damping=1e-3, tolerance=1e-14)
# Three persons: a clip with two cameras a moment, a photo, a clip with one.
FAMILY = Structure(torch.tensor([0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7]), torch.tensor([0, 0, 0, 1, 2, 2, 2, 2]))


def separate(terms: Mapping[str, Term], variables: Mapping[str, Variable]) -> Problem:
    """Each row another person."""
    return Problem(Structure.photos(len(next(iter(variables.values())).value)), variables, terms)


@dataclass(frozen=True)
class Rosenbrock(TensorRecord):
    """r = (10 (y - x^2), a - x): a curved valley with its floor at (a, a^2)."""

    level: ClassVar[int] = VIEW
    a: Tensor  # (B,)

    def _residual(self, xy: Tensor) -> Tensor:
        return torch.stack([10 * (xy[:, 1] - xy[:, 0] ** 2), self.a - xy[:, 0]], 1)

    def energy(self, values):
        return 0.5 * (self._residual(values["xy"]) ** 2).sum(1)

    def linearise(self, values):
        x = values["xy"][:, 0]
        one, zero = torch.ones_like(x), torch.zeros_like(x)
        jacobian = torch.stack([torch.stack([-20 * x, 10 * one], 1), torch.stack([-one, zero], 1)], 1)
        return Linearisation(self._residual(values["xy"]), {"xy": jacobian})


@dataclass(frozen=True)
class TurnedPoints(TensorRecord):
    """r = R p - q."""

    level: ClassVar[int] = VIEW
    p: Tensor  # (B, N, 3)
    q: Tensor

    def _turned(self, values):
        return self.p @ axis_angle_to_matrix(values["rotation"]).transpose(1, 2)

    def energy(self, values):
        return 0.5 * ((self._turned(values) - self.q) ** 2).sum((1, 2))

    def linearise(self, values):
        turned = self._turned(values)
        return Linearisation((turned - self.q).flatten(1), {"rotation": -skew(turned).flatten(1, 2)})


@dataclass(frozen=True)
class Readings(TensorRecord):
    """r = A_picture p + A_moment m + A_person s - b: linear, so that one dense system gives the answer."""

    level: ClassVar[int] = VIEW
    own: Tensor  # (N, M, dp)
    moment: Tensor  # (N, M, dm)
    person: Tensor  # (N, M, ds)
    target: Tensor  # (N, M)

    def _residual(self, values):
        parts = (self.own, values["p"]), (self.moment, values["m"]), (self.person, values["s"])
        return sum((a @ x[..., None])[..., 0] for a, x in parts) - self.target

    def energy(self, values):
        return 0.5 * (self._residual(values) ** 2).sum(1)

    def linearise(self, values):
        return Linearisation(self._residual(values), {"p": self.own, "m": self.moment, "s": self.person})


@dataclass(frozen=True)
class Bend(TensorRecord):
    """r = (m[i] - 2 m[i + 1] + m[i + 2]) / std."""

    std: Tensor  # (T,) that of the middle one counts

    def _parts(self, m, person):
        same = (person[2:] == person[:-2]).to(m) / self.std[1:-1]
        return (m[:-2] - 2 * m[1:-1] + m[2:]), same[:, None].expand(-1, m.shape[1])

    def energy(self, values, structure_subject):
        bend, weight = self._parts(values["m"], structure_subject)
        share = 0.5 * ((bend * weight) ** 2).sum(1)
        return torch.nn.functional.pad(share, (1, 1))

    def linearise(self, values, structure_subject):
        bend, weight = self._parts(values["m"], structure_subject)
        eye = torch.eye(values["m"].shape[1]).to(values["m"])
        return ChainLinearisation(bend * weight, weight, {"m": eye.expand(len(values["m"]), -1, -1)})


def nested(structure: Structure, chained: bool, seed: int = 0) -> Problem:
    """Random readings of pictures in moments in persons."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator).double()

    n, t, g = (structure.count(level) for level in (VIEW, FRAME, SUBJECT))
    term = Readings(randn(n, 9, 2), randn(n, 9, 3), randn(n, 9, 4), randn(n, 9))
    variables = {
        "s": Variable(randn(g, 4), Euclidean(), SUBJECT),
        "m": Variable(randn(t, 3), Euclidean(), FRAME),
        "p": Variable(randn(n, 2), Euclidean(), VIEW),
    }
    chains: dict[str, ChainTerm] = {}
    if chained:
        chains["bend"] = Bend(0.1 + torch.rand(t, generator=generator).double())
    return Problem(structure, variables, {"readings": term}, chains)
