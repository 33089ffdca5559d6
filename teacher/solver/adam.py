"""Adam on the same energies, as the paper's fit uses it: to compare with, not to use."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from teacher.solver.levenberg import Problem, Solution


def solve_by_adam(problem: Problem, steps: int, rates: Mapping[str, float]) -> Solution:
    """So many steps with automatic derivatives, all subjects at once; those are independent here, too.

    Args:
        problem: energy and initial values. Variables are stepped in their tangent space at the initial values.
        steps: of the optimiser; the learning rates fall to zero along a cosine.
        rates: learning rate of each free variable.

    Raises:
        KeyError: a free variable has no rate.
    """
    start = problem.values()
    free = {name: variable for name, variable in problem.variables.items() if variable.free}
    moved = {name: torch.zeros_like(start[name]).requires_grad_() for name in free}
    optimiser = torch.optim.Adam([{"params": [step], "lr": rates[name]} for name, step in moved.items()])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)

    def values() -> dict[str, torch.Tensor]:
        return start | {name: free[name].manifold.retract(start[name], step) for name, step in moved.items()}

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
