"""Batched Levenberg-Marquardt over named variables. It knows nothing of faces.

An energy is a sum of terms, ``E = 1/2 sum_t rho_t(|r_t|^2)``, over B independent problems that are solved side by side:
damping, acceptance and convergence are each problem's own, so a problem's result does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from shared.config import SolverConfig
from shared.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle

Values = Mapping[str, Tensor]  # variable name -> (B, D)


class Manifold(Protocol):
    """How a variable is moved by a step in its tangent space."""

    def retract(self, value: Tensor, step: Tensor) -> Tensor:
        """(B, D) moved by (B, D)."""
        ...


class Euclidean:
    """Plain addition."""

    def retract(self, value: Tensor, step: Tensor) -> Tensor:
        """value + step."""
        return value + step


class Rotation:
    """Axis-angle, stepped by a left perturbation: ``R <- exp(step) R``."""

    def retract(self, value: Tensor, step: Tensor) -> Tensor:
        """Axis-angle (B, 3) turned by axis-angle (B, 3)."""
        return matrix_to_axis_angle(axis_angle_to_matrix(step) @ axis_angle_to_matrix(value))


@dataclass(frozen=True)
class Variable:
    """A block of unknowns."""

    value: Tensor  # (B, D)
    manifold: Manifold
    free: bool = True  # a fixed variable is handed to the terms but not moved


@dataclass(frozen=True)
class Linearisation:
    """A term near the current values, scaled by the square root of the robust weight.

    ``jacobian[name]`` is (B, M, D), or (B, M) for a diagonal block with M = D. Names of fixed variables may be present;
    they are ignored.
    """

    residual: Tensor  # (B, M)
    jacobian: Mapping[str, Tensor]


class Term(Protocol):
    """One term of the energy, for B problems."""

    def energy(self, values: Values) -> Tensor:
        """(B,) the term's share of the energy."""
        ...

    def linearise(self, values: Values) -> Linearisation:
        """Residual and Jacobian such that ``J^T r`` is the gradient of `energy` in the tangent space."""
        ...

    def __getitem__(self, index: Tensor) -> Term:
        """The same term for some of the problems."""
        ...


@dataclass(frozen=True)
class Solution:
    """Where the solver stopped."""

    values: dict[str, Tensor]
    energy: Tensor  # (B,)
    steps: Tensor  # (B,) int64 accepted steps
    converged: Tensor  # (B,) bool; False where max_steps ran out
    trace: Tensor  # (max_steps + 1, B) energy after each iteration


def total_energy(terms: Sequence[Term], values: Values) -> Tensor:
    """(B,) sum over the terms."""
    return torch.stack([term.energy(values) for term in terms]).sum(0)


class NormalEquations:
    """J^T J and J^T r over the free variables, summed over terms."""

    def __init__(self, sizes: Mapping[str, int], batch: int, like: Tensor) -> None:
        self.slices: dict[str, slice] = {}
        start = 0
        for name, size in sizes.items():
            self.slices[name] = slice(start, start + size)
            start += size
        self.hessian = like.new_zeros(batch, start, start)
        self.gradient = like.new_zeros(batch, start)

    def add(self, linearisation: Linearisation) -> None:
        """Add one term."""
        jacobian = {name: j for name, j in linearisation.jacobian.items() if name in self.slices}
        dense = {name: j for name, j in jacobian.items() if j.ndim == 3}
        for name, diagonal in jacobian.items():
            if diagonal.ndim == 2:
                part = self.slices[name]
                torch.diagonal(self.hessian, dim1=1, dim2=2)[:, part] += diagonal**2
                self.gradient[:, part] += diagonal * linearisation.residual
        if not dense:
            return
        names = sorted(dense, key=lambda name: self.slices[name].start)
        stacked = torch.cat([dense[name] for name in names], -1)  # (B, M, d)
        product = stacked.transpose(1, 2) @ stacked
        slope = (linearisation.residual[:, None] @ stacked)[:, 0]
        if all(self.slices[a].stop == self.slices[b].start for a, b in pairwise(names)):
            part = slice(self.slices[names[0]].start, self.slices[names[-1]].stop)
            self.hessian[:, part, part] += product
            self.gradient[:, part] += slope
        else:
            order = torch.cat([torch.arange(self.slices[n].start, self.slices[n].stop) for n in names]).to(slope.device)
            self.hessian[:, order[:, None], order] += product
            self.gradient[:, order] += slope

    def solve(self, damping: Tensor) -> Tensor:
        """(B, D) the step of ``(H + damping diag(H)) step = -gradient``; NaN where H is not positive definite."""
        damped = self.hessian.clone()
        diagonal = torch.diagonal(damped, dim1=1, dim2=2)
        diagonal += damping[:, None] * diagonal + torch.finfo(damped.dtype).tiny
        factor, info = torch.linalg.cholesky_ex(damped)
        step = torch.cholesky_solve(-self.gradient[..., None], factor)[..., 0]
        return torch.where((info == 0)[:, None], step, torch.nan)


def solve(terms: Sequence[Term], variables: Mapping[str, Variable], config: SolverConfig) -> Solution:
    """Minimise the sum of ``terms`` over the free variables.

    A step that does not lower the energy is undone and retried with more damping (Nielsen's rule). A problem has
    converged when an accepted step lowers its energy by a share of less than ``config.tolerance``, or when no damping
    lowers it any more. Problems that are done leave the batch.
    """
    state = {name: v.value.clone() for name, v in variables.items()}
    first = next(iter(state.values()))
    batch, device = first.shape[0], first.device
    free = {name: v.value.shape[1] for name, v in variables.items() if v.free}
    energy = total_energy(terms, state)
    damping = torch.full_like(energy, config.damping)
    growth = torch.full_like(energy, 2.0)
    steps = torch.zeros(batch, dtype=torch.int64, device=device)
    converged = torch.zeros(batch, dtype=torch.bool, device=device)
    trace = [energy.clone()]
    active = torch.arange(batch, device=device)
    for _ in range(config.max_steps):
        current = {name: value[active] for name, value in state.items()}
        some = [term[active] for term in terms] if len(active) < batch else terms
        equations = NormalEquations(free, len(active), energy)
        for term in some:
            equations.add(term.linearise(current))
        step = equations.solve(damping[active])
        moved = _retract(current, variables, equations.slices, step)
        new_energy = total_energy(some, moved)

        old_energy = energy[active]
        lowered = new_energy < old_energy  # False for NaN
        for name in free:
            state[name][active] = torch.where(lowered[:, None], moved[name], current[name])
        energy[active] = torch.where(lowered, new_energy, old_energy)
        steps[active] += lowered

        gain = _gain_ratio(old_energy - new_energy, equations, step, damping[active])
        shrink = (1 - (2 * gain - 1) ** 3).clamp(0.1, 2.0)
        damping[active] *= torch.where(lowered, shrink, growth[active])
        growth[active] = torch.where(lowered, 2.0, growth[active] * 2)
        settled = lowered & (old_energy - new_energy < config.tolerance * old_energy)
        stuck = ~lowered & (damping[active] > 1e8)
        converged[active] = settled | stuck
        trace.append(energy.clone())
        active = active[~(settled | stuck)]
        if not len(active):
            break
    trace += [energy] * (config.max_steps + 1 - len(trace))
    return Solution(state, energy, steps, converged, torch.stack(trace))


def _retract(
    current: Values, variables: Mapping[str, Variable], slices: Mapping[str, slice], step: Tensor
) -> dict[str, Tensor]:
    moved = dict(current)
    for name, part in slices.items():
        moved[name] = variables[name].manifold.retract(current[name], step[:, part])
    return moved


def _gain_ratio(lowered_by: Tensor, equations: NormalEquations, step: Tensor, damping: Tensor) -> Tensor:
    """(B,) real over predicted decrease; the prediction is the quadratic model's at the damped step."""
    diagonal = torch.diagonal(equations.hessian, dim1=1, dim2=2)
    predicted = 0.5 * (step * (damping[:, None] * diagonal * step - equations.gradient)).sum(1)
    return torch.nan_to_num(lowered_by / predicted, nan=0.0, posinf=0.0, neginf=0.0)
