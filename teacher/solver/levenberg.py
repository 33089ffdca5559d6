"""Levenberg-Marquardt over named variables. It knows nothing of faces.

An energy is a sum of terms, ``E = 1/2 sum_t rho_t(|r_t|^2)``. Subjects are independent problems that are solved side by
side: damping, acceptance and convergence are each subject's own, so a result does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from teacher.config import SolverConfig
from teacher.solver.equations import Layout, NormalEquations
from teacher.solver.structure import FRAME, LEVELS, SUBJECT, Structure
from teacher.solver.terms import ChainTerm, Term, Values, Variable

_ROWS = 16  # linearised at a time, so that the Jacobians stay in the cache

_AS_PREDICTED = 0.25  # a gain that is off by no more than this share is what the quadratic model predicted


@dataclass(frozen=True)
class Problem:
    """An energy with its unknowns."""

    structure: Structure
    variables: Mapping[str, Variable]
    terms: Mapping[str, Term]  # by name; their order is that of the sum
    chains: Mapping[str, ChainTerm] = field(default_factory=dict)

    def values(self) -> dict[str, Tensor]:
        """The initial values."""
        return {name: variable.value for name, variable in self.variables.items()}

    def select(self, subjects: Tensor) -> Problem:
        """The problem of some subjects (P,), rising."""
        structure, rows = self.structure.select(subjects)
        return Problem(
            structure,
            {name: Variable(v.value[rows[v.level]], v.manifold, v.level, v.free) for name, v in self.variables.items()},
            {name: term[rows[term.level]] for name, term in self.terms.items()},
            {name: chain[rows[FRAME]] for name, chain in self.chains.items()} if len(rows[FRAME]) > 2 else {},
        )

    def seen(self, values: Values, level: int) -> dict[str, Tensor]:
        """What a term of ``level`` is handed: a row for each of its own."""
        return {
            name: values[name][self.structure.owner(level, v.level)]
            for name, v in self.variables.items()
            if v.level >= level
        }

    def energy(self, values: Values) -> Tensor:
        """(subjects,) the sum of all terms."""
        return torch.stack(list(self.energies(values).values())).sum(0)

    def energies(self, values: Values) -> dict[str, Tensor]:
        """(subjects,) of each term, by name."""
        seen = [self.seen(values, level) for level in LEVELS]
        energies = {
            name: self.structure.sum_by_subject(term.energy(seen[term.level]), term.level)
            for name, term in self.terms.items()
        }
        for name, chain in self.chains.items():
            share = chain.energy(seen[FRAME], self.structure.subject)
            energies[name] = self.structure.sum_by_subject(share, FRAME)
        return energies

    def equations(self, values: Values) -> NormalEquations:
        """The normal equations at the values."""
        seen = [self.seen(values, level) for level in LEVELS]
        like = next(iter(values.values()))
        equations = NormalEquations(Layout(self.variables), self.structure, like, bool(self.chains))
        for term in self.terms.values():
            rows = self.structure.count(term.level)
            for start in range(0, rows, _ROWS):
                part = slice(start, min(start + _ROWS, rows))
                here = term if rows <= _ROWS else term[part]  # type: ignore[index]
                equations.add(term.level, part, here.linearise({k: v[part] for k, v in seen[term.level].items()}))
        for chain in self.chains.values():
            equations.add_chain(chain.linearise(seen[FRAME], self.structure.subject))
        return equations


@dataclass(frozen=True)
class Solution:
    """Where the solver stopped."""

    values: dict[str, Tensor]
    energy: Tensor  # (subjects,)
    steps: Tensor  # (subjects,) int64 accepted steps
    converged: Tensor  # (subjects,) bool; False where max_steps ran out
    trace: Tensor  # (max_steps + 1, subjects) energy after each iteration


def solve(problem: Problem, config: SolverConfig) -> Solution:
    """Minimise the energy over the free variables.

    A step that does not lower the energy is undone and retried with more damping (Nielsen's rule). A subject has
    converged when the steps to come would lower the energy by a share of less than ``config.tolerance``, if they gained
    less and less by the same factor as the last two, or when no damping lowers it any more. Subjects that are done
    leave the batch.
    """
    state = {name: value.clone() for name, value in problem.values().items()}
    energy = problem.energy(state)
    damping = torch.full_like(energy, config.damping)
    growth = torch.full_like(energy, 2.0)
    gained = torch.zeros_like(energy)  # by the last accepted step; 0 before there is one
    steps = torch.zeros(len(energy), dtype=torch.int64, device=energy.device)
    converged = torch.zeros(len(energy), dtype=torch.bool, device=energy.device)
    trace = [energy.clone()]
    active = torch.arange(len(energy), device=energy.device)
    rows = problem.structure.select(active)[1]
    some = problem
    for _ in range(config.max_steps):
        current = {name: value[rows[problem.variables[name].level]] for name, value in state.items()}
        equations = some.equations(current)
        step = equations.solve(damping[active])
        moved = {n: some.variables[n].manifold.retract(v, step[n]) if n in step else v for n, v in current.items()}
        new_energy = some.energy(moved)

        old_energy = energy[active]
        lowered = new_energy < old_energy  # False for NaN
        for name in step:
            level = problem.variables[name].level
            accepted = lowered[some.structure.owner(level, SUBJECT)][:, None]
            state[name][rows[level]] = torch.where(accepted, moved[name], current[name])
        energy[active] = torch.where(lowered, new_energy, old_energy)
        steps[active] += lowered

        gain = _gain_ratio(old_energy - new_energy, equations, step, damping[active])
        shrink = (1 - (2 * gain - 1) ** 3).clamp(0.1, 2.0)
        damping[active] *= torch.where(lowered, shrink, growth[active])
        growth[active] = torch.where(lowered, 2.0, growth[active] * 2)
        to_gain = _still_to_gain(old_energy - new_energy, gained[active], gain)
        settled = lowered & (to_gain < config.tolerance * old_energy)
        gained[active] = torch.where(lowered, old_energy - new_energy, gained[active])
        stuck = ~lowered & (damping[active] > 1e8)
        converged[active] = settled | stuck
        trace.append(energy.clone())
        if bool((settled | stuck).any()):
            active = active[~(settled | stuck)]
            if not len(active):
                break
            some, rows = problem.select(active), problem.structure.select(active)[1]
    trace += [energy] * (config.max_steps + 1 - len(trace))
    return Solution(state, energy, steps, converged, torch.stack(trace))


def _still_to_gain(last: Tensor, before: Tensor, gain: Tensor) -> Tensor:
    """The rest of a geometric series by its last two members.

    The last member itself where there is none before, they do not shrink by half, or the last was not as predicted.
    """
    ratio = torch.where((before > 0) & ((gain - 1).abs() < _AS_PREDICTED), last / before, 1.0)
    return torch.where(ratio < 0.5, last * ratio / (1 - ratio), last)


def _gain_ratio(lowered_by: Tensor, equations: NormalEquations, step: Mapping[str, Tensor], damping: Tensor) -> Tensor:
    """(subjects,) real over predicted decrease; the prediction is the quadratic model's at the damped step."""
    layout, structure = equations.layout, equations.structure
    predicted = torch.zeros_like(lowered_by)
    for name, level in layout.level.items():
        columns = layout.columns[name]
        diagonal, slope = equations.diagonal(level)[:, columns], equations.slope(level)[:, columns]
        own = damping[structure.owner(level, SUBJECT)][:, None]
        share = 0.5 * (step[name] * (own * diagonal * step[name] - slope)).sum(1)
        predicted += structure.sum_by_subject(share, level)
    return torch.nan_to_num(lowered_by / predicted, nan=0.0, posinf=0.0, neginf=0.0)
