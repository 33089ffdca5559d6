"""The solver on problems whose answer is known. No faces here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.config import SolverConfig
from shared.geometry.rotation import axis_angle_to_matrix, skew
from shared.records import TensorRecord
from teacher.residuals.prior import GaussianPrior
from teacher.solver import Euclidean, Linearisation, Rotation, Variable, solve


@dataclass(frozen=True)
class Rosenbrock(TensorRecord):
    """r = (10 (y - x^2), a - x): a curved valley with its floor at (a, a^2)."""

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

    p: Tensor  # (B, N, 3)
    q: Tensor

    def _turned(self, values):
        return self.p @ axis_angle_to_matrix(values["rotation"]).transpose(1, 2)

    def energy(self, values):
        return 0.5 * ((self._turned(values) - self.q) ** 2).sum((1, 2))

    def linearise(self, values):
        turned = self._turned(values)
        return Linearisation((turned - self.q).flatten(1), {"rotation": -skew(turned).flatten(1, 2)})


CONFIG = SolverConfig(max_steps=200, damping=1e-3, tolerance=1e-14)


def rosenbrock_problem(a: Tensor):
    start = torch.tensor([[-1.2, 1.0]]).double().expand(len(a), 2)
    return [Rosenbrock(a)], {"xy": Variable(start, Euclidean())}


def test_curved_valley_is_followed_to_its_end() -> None:
    a = torch.tensor([1.0, -2.0, 0.3, 7.0]).double()
    solution = solve(*rosenbrock_problem(a), CONFIG)
    torch.testing.assert_close(solution.values["xy"], torch.stack([a, a**2], 1), atol=1e-6, rtol=0)
    assert solution.converged.all()
    assert (solution.steps > 2).all()


def test_energy_never_rises_and_the_trace_says_so() -> None:
    solution = solve(*rosenbrock_problem(torch.linspace(-3, 3, 9).double()), CONFIG)
    assert (solution.trace[1:] <= solution.trace[:-1]).all()
    torch.testing.assert_close(solution.trace[-1], solution.energy)


def test_a_problem_does_not_see_its_neighbours() -> None:
    a = torch.linspace(-4, 4, 7).double()
    together = solve(*rosenbrock_problem(a), CONFIG)
    for i in range(len(a)):
        alone = solve(*rosenbrock_problem(a[i : i + 1]), CONFIG)
        torch.testing.assert_close(alone.values["xy"][0], together.values["xy"][i], atol=1e-12, rtol=0)
        assert alone.steps[0] == together.steps[i]


def test_rotations_are_found_across_pi() -> None:
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(6, 10, 3, generator=generator).double()
    truth = torch.randn(6, 3, generator=generator).double() * 2
    q = p @ axis_angle_to_matrix(truth).transpose(1, 2)
    start = torch.zeros(6, 3).double()
    solution = solve([TurnedPoints(p, q)], {"rotation": Variable(start, Rotation())}, CONFIG)
    found = axis_angle_to_matrix(solution.values["rotation"])
    torch.testing.assert_close(found, axis_angle_to_matrix(truth), atol=1e-6, rtol=0)


def test_prior_and_data_meet_at_the_precision_weighted_mean() -> None:
    def prior(mean: float, std: float) -> GaussianPrior:
        return GaussianPrior("x", torch.full((2, 3), mean).double(), torch.full((2, 3), std).double())

    variables = {"x": Variable(torch.zeros(2, 3).double(), Euclidean())}
    solution = solve([prior(1.0, 0.5), prior(4.0, 1.0)], variables, CONFIG)
    torch.testing.assert_close(solution.values["x"], torch.full((2, 3), 1.6).double(), atol=1e-6, rtol=0)


def test_a_fixed_variable_stays() -> None:
    terms, variables = rosenbrock_problem(torch.tensor([1.0]).double())
    held = {
        **variables,
        "xy": replace(variables["xy"], free=False),
        "z": Variable(torch.ones(1, 1).double(), Euclidean()),
    }
    terms = [*terms, GaussianPrior("z", torch.zeros(1, 1).double(), torch.ones(1, 1).double())]
    solution = solve(terms, held, CONFIG)
    torch.testing.assert_close(solution.values["xy"], variables["xy"].value, atol=0, rtol=0)
    torch.testing.assert_close(solution.values["z"], torch.zeros(1, 1).double(), atol=1e-4, rtol=0)


def test_a_problem_that_cannot_be_solved_does_not_spoil_the_batch() -> None:
    terms, variables = rosenbrock_problem(torch.tensor([1.0, float("nan")]).double())
    solution = solve(terms, variables, CONFIG)
    torch.testing.assert_close(solution.values["xy"][0], torch.ones(2).double(), atol=1e-6, rtol=0)
    assert torch.isfinite(solution.values["xy"]).all()
