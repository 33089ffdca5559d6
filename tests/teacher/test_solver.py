"""The solver on problems whose answer is known. No faces here."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from shared.geometry.rotation import axis_angle_to_matrix
from teacher.residuals.prior import GaussianPrior
from teacher.solver.banded import Bands, solve_bands
from teacher.solver.levenberg import Problem, solve
from teacher.solver.structure import FRAME, SUBJECT, VIEW, Structure
from teacher.solver.terms import Euclidean, Rotation, Variable
from tests.teacher.solver_problems import CONFIG, FAMILY, Rosenbrock, TurnedPoints, nested, separate


def rosenbrock_problem(a: Tensor) -> Problem:
    start = torch.tensor([[-1.2, 1.0]]).double().expand(len(a), 2)
    return separate({"valley": Rosenbrock(a)}, {"xy": Variable(start, Euclidean())})


def test_curved_valley_is_followed_to_its_end() -> None:
    a = torch.tensor([1.0, -2.0, 0.3, 7.0]).double()
    solution = solve(rosenbrock_problem(a), CONFIG)
    torch.testing.assert_close(solution.values["xy"], torch.stack([a, a**2], 1), atol=1e-6, rtol=0)
    assert solution.converged.all()
    assert (solution.steps > 2).all()


def test_energy_never_rises_and_the_trace_says_so() -> None:
    solution = solve(rosenbrock_problem(torch.linspace(-3, 3, 9).double()), CONFIG)
    assert (solution.trace[1:] <= solution.trace[:-1]).all()
    torch.testing.assert_close(solution.trace[-1], solution.energy)


def test_a_problem_does_not_see_its_neighbours() -> None:
    a = torch.linspace(-4, 4, 7).double()
    together = solve(rosenbrock_problem(a), CONFIG)
    for i in range(len(a)):
        alone = solve(rosenbrock_problem(a[i : i + 1]), CONFIG)
        torch.testing.assert_close(alone.values["xy"][0], together.values["xy"][i], atol=1e-12, rtol=0)
        assert alone.steps[0] == together.steps[i]


def test_rotations_are_found_across_pi() -> None:
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(6, 10, 3, generator=generator).double()
    truth = torch.randn(6, 3, generator=generator).double() * 2
    q = p @ axis_angle_to_matrix(truth).transpose(1, 2)
    start = torch.zeros(6, 3).double()
    solution = solve(separate({"points": TurnedPoints(p, q)}, {"rotation": Variable(start, Rotation())}), CONFIG)
    found = axis_angle_to_matrix(solution.values["rotation"])
    torch.testing.assert_close(found, axis_angle_to_matrix(truth), atol=1e-6, rtol=0)


def test_prior_and_data_meet_at_the_precision_weighted_mean() -> None:
    def prior(mean: float, std: float) -> GaussianPrior:
        return GaussianPrior("x", VIEW, torch.full((2, 3), mean).double(), torch.full((2, 3), std).double())

    variables = {"x": Variable(torch.zeros(2, 3).double(), Euclidean())}
    solution = solve(separate({"near": prior(1.0, 0.5), "far": prior(4.0, 1.0)}, variables), CONFIG)
    torch.testing.assert_close(solution.values["x"], torch.full((2, 3), 1.6).double(), atol=1e-6, rtol=0)


def test_a_fixed_variable_stays() -> None:
    problem = rosenbrock_problem(torch.tensor([1.0]).double())
    held = {
        "xy": replace(problem.variables["xy"], free=False),
        "z": Variable(torch.ones(1, 1).double(), Euclidean()),
    }
    prior = GaussianPrior("z", VIEW, torch.zeros(1, 1).double(), torch.ones(1, 1).double())
    terms = {**problem.terms, "z_prior": prior}
    solution = solve(separate(terms, held), CONFIG)
    torch.testing.assert_close(solution.values["xy"], problem.variables["xy"].value, atol=0, rtol=0)
    torch.testing.assert_close(solution.values["z"], torch.zeros(1, 1).double(), atol=1e-4, rtol=0)


def test_a_problem_that_cannot_be_solved_does_not_spoil_the_batch() -> None:
    solution = solve(rosenbrock_problem(torch.tensor([1.0, float("nan")]).double()), CONFIG)
    torch.testing.assert_close(solution.values["xy"][0], torch.ones(2).double(), atol=1e-6, rtol=0)
    assert torch.isfinite(solution.values["xy"]).all()


@pytest.mark.parametrize("chained", [False, True])
def test_nested_problem_has_the_answer_of_one_dense_system(chained: bool) -> None:
    """The energy is quadratic: its minimum by one dense Newton step over all unknowns, by automatic differentiation."""
    problem = nested(FAMILY, chained)
    start = problem.values()
    sizes = {name: value.numel() for name, value in start.items()}

    def energy(flat: Tensor) -> Tensor:
        parts = flat.split(list(sizes.values()))
        return problem.energy({n: p.view_as(start[n]) for n, p in zip(start, parts, strict=True)}).sum()

    flat = torch.cat([value.flatten() for value in start.values()])
    hessian = torch.func.hessian(energy)(flat)
    gradient = torch.func.grad(energy)(flat)
    best = flat - torch.cholesky_solve(gradient[:, None], torch.linalg.cholesky(hessian))[:, 0]
    solution = solve(problem, CONFIG)
    found = torch.cat([solution.values[name].flatten() for name in start])
    torch.testing.assert_close(found, best, atol=1e-6, rtol=0)


@pytest.mark.parametrize("chained", [False, True])
def test_a_person_does_not_see_others(chained: bool) -> None:
    problem = nested(FAMILY, chained)
    together = solve(problem, CONFIG)
    for person in range(3):
        some = problem.select(torch.tensor([person]))
        alone = solve(some, CONFIG)
        rows = problem.structure.select(torch.tensor([person]))[1]
        for name, variable in problem.variables.items():
            expected = together.values[name][rows[variable.level]]
            torch.testing.assert_close(alone.values[name], expected, atol=1e-9, rtol=0)


def test_unknowns_may_be_of_any_level() -> None:
    """Without unknowns of a picture, or of a person alone."""
    for kept in ("m", "s", "p"):
        problem = nested(FAMILY, chained=kept == "m")
        variables = {n: replace(v, free=n == kept) for n, v in problem.variables.items()}
        solution = solve(replace(problem, variables=variables), CONFIG)
        assert solution.converged.all()
        leaf = {n: v.clone().requires_grad_(n == kept) for n, v in solution.values.items()}
        problem.energy(leaf).sum().backward()
        torch.testing.assert_close(leaf[kept].grad, torch.zeros_like(leaf[kept]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_bands_are_solved_as_the_dense_matrix(count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    root = torch.zeros(count, 4, count, 4).double()
    for row in range(count):
        for column in range(max(0, row - 2), row + 1):
            root[row, :, column] = torch.randn(4, 4, generator=generator).double()
        root[row, :, row] += 5 * torch.eye(4).double()
    flat = root.reshape(4 * count, 4 * count)
    matrix = (flat @ flat.T).view(count, 4, count, 4)
    none = torch.zeros(4, 4).double()

    def band(offset: int) -> Tensor:
        return torch.stack([matrix[t, :, t + offset] if t + offset < count else none for t in range(count)])

    right = torch.randn(count, 4, 2, generator=generator).double()
    found = solve_bands(Bands(band(0), band(1), band(2)), right)
    back = matrix.reshape(4 * count, 4 * count) @ found.reshape(4 * count, 2)
    torch.testing.assert_close(back, right.reshape(4 * count, 2), atol=1e-9, rtol=0)
    broken = Bands(band(0) - 100 * torch.eye(4).double(), band(1), band(2))
    assert solve_bands(broken, right).isnan().all()


def test_structures_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="frame must count up from 0"):
        Structure(torch.tensor([0, 2]), torch.tensor([0, 0, 0]))
    with pytest.raises(ValueError, match="2 frames, but subjects of 3"):
        Structure(torch.tensor([0, 1]), torch.tensor([0, 0, 0]))
    structure = Structure.of_one(torch.tensor([0, 0, 1]))
    assert [structure.count(level) for level in (VIEW, FRAME, SUBJECT)] == [3, 2, 1]
