"""Adam on the same energies, as the paper's fit uses it: to compare with, not to use."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from teacher.solver.levenberg import Problem, Solution
from teacher.solver.terms import Euclidean


def solve_by_adam(problem: Problem, steps: int, rates: Mapping[str, float]) -> Solution:
    """So many steps with automatic derivatives, all persons at once; those are independent here, too.

    Args:
        problem: energy and initial values. Rotations are stepped in their tangent space at the initial values.
        steps: of the optimiser; the learning rates fall to zero along a cosine.
        rates: learning rate of each free variable.

    Raises:
        KeyError: a free variable has no rate.
    """
    start = problem.values()
    free = {name: torch.zeros_like(start[name]) for name, variable in problem.variables.items() if variable.free}
    # A step from zero needs a derivative there, which the norm of a rotation lacks: plain variables move themselves.
    moved = {name: start[name].clone() if _is_plain(problem, name) else step + 1e-8 for name, step in free.items()}
    groups = [{"params": [value.requires_grad_()], "lr": rates[name]} for name, value in moved.items()]
    optimiser = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)

    def values() -> dict[str, torch.Tensor]:
        now = {
            name: value if _is_plain(problem, name) else problem.variables[name].manifold.retract(start[name], value)
            for name, value in moved.items()
        }
        return {**start, **now}

    trace = []
    for _ in range(steps):
        optimiser.zero_grad()
        energy = problem.energy(values())
        energy.sum().backward()
        optimiser.step()
        schedule.step()
        trace.append(energy.detach())
    with torch.no_grad():
        found = {name: value.detach() for name, value in values().items()}
        energy = problem.energy(found)
    taken = torch.full((len(energy),), steps)
    return Solution(found, energy, taken, torch.ones_like(taken, dtype=torch.bool), torch.stack([*trace, energy]))


def _is_plain(problem: Problem, name: str) -> bool:
    return isinstance(problem.variables[name].manifold, Euclidean)
