"""The other solver: Adam gets to where Levenberg-Marquardt is, on the same energies, and moves nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.geometry.rotation import axis_angle_to_matrix
from teacher.residuals.prior import GaussianPrior
from teacher.solver.adam import solve_by_adam
from teacher.solver.levenberg import Problem, solve
from teacher.solver.structure import VIEW
from teacher.solver.terms import Euclidean, Rotation, Variable
from tests.teacher.solver_problems import CONFIG, FAMILY, Rosenbrock, TurnedPoints, nested, separate

RATES = {"s": 0.1, "m": 0.1, "p": 0.1}


def turned_points() -> Problem:
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(4, 10, 3, generator=generator).double()
    turn = torch.randn(4, 3, generator=generator).double()
    q = p @ axis_angle_to_matrix(turn).transpose(1, 2) + 0.1 * torch.randn(4, 10, 3, generator=generator)
    return separate({"points": TurnedPoints(p, q)}, {"rotation": Variable(torch.zeros(4, 3).double(), Rotation())})


@pytest.mark.parametrize("chained", [False, True])
def test_it_ends_at_the_minimum_of_persons_moments_and_pictures(chained: bool) -> None:
    problem = nested(FAMILY, chained)
    best = solve(problem, CONFIG)
    found = solve_by_adam(problem, 400, RATES)
    first = problem.energy(problem.values())
    assert (first > 2 * best.energy).all()
    assert (found.energy >= best.energy).all()
    assert (found.energy - best.energy < 5e-3 * first).all()
    torch.testing.assert_close(problem.energy(found.values), found.energy)


def test_rotations_are_found_from_no_rotation_at_all() -> None:
    """Where the length of an axis-angle vector has no derivative of its own."""
    problem = turned_points()
    best = solve(problem, CONFIG)
    found = solve_by_adam(problem, 200, {"rotation": 0.1})
    torch.testing.assert_close(found.energy, best.energy, rtol=1e-3, atol=0)
    turns = (axis_angle_to_matrix(one.values["rotation"]) for one in (found, best))
    torch.testing.assert_close(*turns, atol=1e-2, rtol=0)


def test_at_a_minimum_it_stays() -> None:
    """Its steps are of the size of its rates however small a slope is, so it may waver by those, and must come back."""
    for problem, rates in ((nested(FAMILY, True), RATES), (turned_points(), {"rotation": 0.05})):
        best = solve(problem, CONFIG)
        there = {name: replace(one, value=best.values[name]) for name, one in problem.variables.items()}
        found = solve_by_adam(replace(problem, variables=there), 100, rates)
        torch.testing.assert_close(found.energy, best.energy, rtol=1e-3, atol=1e-3)
        for name, value in best.values.items():
            assert (found.values[name] - value).abs().max() < 0.1 * rates[name], name


def test_what_is_not_free_stays_to_the_bit_and_needs_no_rate() -> None:
    problem = nested(FAMILY, False)
    held = {name: replace(one, free=name == "s") for name, one in problem.variables.items()}
    problem = replace(problem, variables=held)
    found = solve_by_adam(problem, 150, {"s": 0.1})
    assert torch.equal(found.values["m"], held["m"].value)
    assert torch.equal(found.values["p"], held["p"].value)
    torch.testing.assert_close(found.energy, solve(problem, CONFIG).energy, rtol=1e-3, atol=0)
    with pytest.raises(KeyError, match="s"):
        solve_by_adam(problem, 3, {"m": 0.1, "p": 0.1})


def test_a_problem_does_not_see_its_neighbours_and_the_start_is_left_alone() -> None:
    a = torch.tensor([1.0, -2.0, 3.0]).double()
    start = torch.tensor([[-1.2, 1.0]]).double().expand(3, 2)
    together = solve_by_adam(
        separate({"valley": Rosenbrock(a)}, {"xy": Variable(start, Euclidean())}), 50, {"xy": 0.05}
    )
    alone = separate({"valley": Rosenbrock(a[1:2])}, {"xy": Variable(start[1:2], Euclidean())})
    torch.testing.assert_close(together.values["xy"][1:2], solve_by_adam(alone, 50, {"xy": 0.05}).values["xy"])
    assert torch.equal(start[0], torch.tensor([-1.2, 1.0]).double())
    assert not start.requires_grad


def test_the_rates_fall_to_zero_along_a_cosine() -> None:
    """Down a slope without end every step is as long as the rate, so all of them together half as long as at first."""
    far = GaussianPrior("x", VIEW, torch.full((1, 2), 1e4).double(), torch.full((1, 2), 1e2).double())
    problem = separate({"far": far}, {"x": Variable(torch.zeros(1, 2).double(), Euclidean())})
    found = solve_by_adam(problem, 100, {"x": 0.1})
    assert found.values["x"].flatten().tolist() == pytest.approx([0.1 * 100 / 2] * 2, rel=0.03)


def test_the_trace_is_the_energy_of_each_step() -> None:
    problem = nested(FAMILY, False)
    found = solve_by_adam(problem, 40, RATES)
    assert found.trace.shape == (41, 3)
    torch.testing.assert_close(found.trace[0], problem.energy(problem.values()))
    torch.testing.assert_close(found.trace[-1], found.energy)
    shorter = solve_by_adam(problem, 40, dict.fromkeys(RATES, 0.0))
    torch.testing.assert_close(shorter.trace, shorter.trace[:1].expand(41, 3))
