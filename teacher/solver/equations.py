"""The normal equations of a nested problem: pictures in frames in subjects.

Unknowns of a picture meet those of other pictures only through their frame, and unknowns of a frame those of other
frames only through their subject, and, where there is a chain, the next two frames. So the lowest level is eliminated
first, block by block, and what is left is a small system a subject (Schur complements; Triggs et al. 2000, section 6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

import torch
from torch import Tensor

from teacher.solver.banded import Bands, solve_bands
from teacher.solver.structure import FRAME, LEVELS, SUBJECT, VIEW, Structure
from teacher.solver.terms import ChainLinearisation, Linearisation, Variable

_Block: TypeAlias = tuple[int, slice, Tensor]  # level, columns there, and a Jacobian (rows, M, d) by them


class Layout:
    """Where each free variable is among the unknowns of its level."""

    def __init__(self, variables: Mapping[str, Variable]) -> None:
        self.level = {name: v.level for name, v in variables.items() if v.free}
        self.columns: dict[str, slice] = {}
        self.width = [0, 0, 0]
        for name, level in self.level.items():
            start = self.width[level]
            self.columns[name] = slice(start, start + variables[name].value.shape[1])
            self.width[level] = self.columns[name].stop

    def runs(self, names: Sequence[str]) -> list[tuple[int, slice, list[str]]]:
        """Names that stand side by side: level, columns, names; ordered by level and column."""
        ordered = sorted(names, key=lambda name: (self.level[name], self.columns[name].start))
        found: list[tuple[int, slice, list[str]]] = []
        for name in ordered:
            level, columns = self.level[name], self.columns[name]
            if found and found[-1][0] == level and found[-1][1].stop == columns.start:
                _, before, members = found.pop()
                found.append((level, slice(before.start, columns.stop), [*members, name]))
            else:
                found.append((level, columns, [name]))
        return found


class NormalEquations:
    """``J^T J`` and ``J^T r`` over the free variables, by blocks of levels, summed over terms.

    The slope ``J^T r`` is one more column of the blocks that meet SUBJECT: it takes the same products.
    """

    def __init__(self, layout: Layout, structure: Structure, like: Tensor, chained: bool) -> None:
        self.layout, self.structure = layout, structure
        rows = [structure.count(level) for level in LEVELS]
        width = layout.width
        right = [width[VIEW], width[FRAME], width[SUBJECT] + 1]
        self.hessian = {(a, b): like.new_zeros(rows[a], width[a], right[b]) for a in LEVELS for b in LEVELS if b >= a}
        self.bands = None
        if chained:
            self.bands = [like.new_zeros(rows[FRAME], width[FRAME], width[FRAME]) for _ in range(2)]

    def add(self, level: int, rows: slice, term: Linearisation) -> None:
        """Add a term's rows ``rows`` of a level."""
        names = [name for name in term.jacobian if name in self.layout.columns]
        owners = {above: self._owner(level, rows, above) for above in LEVELS if above >= level}
        for name in names:
            block = term.jacobian[name]
            if block.ndim == 2:
                above, columns = self.layout.level[name], self.layout.columns[name]
                _add(self.diagonal(above)[:, columns], owners[above], block**2)
                _add(self.slope(above)[:, columns], owners[above], block * term.residual)
        left, right = self._sides(term, [name for name in names if term.jacobian[name].ndim == 3])
        for i, (a, into_a, of_a) in enumerate(left):
            for b, into_b, of_b in right[i:]:
                _add_product(self.hessian[a, b][:, into_a, into_b], owners[a], of_a, of_b)
            for b, into_b, of_b in left[i + 1 :]:
                if b == a:
                    _add_product(self.hessian[a, a][:, into_b, into_a], owners[a], of_b, of_a)

    def _sides(self, term: Linearisation, names: Sequence[str]) -> tuple[list[_Block], list[_Block]]:
        """The dense Jacobian by runs of columns, (R, M, d) each; and the same with the residual as the last column."""
        residual, end = term.residual[..., None], self.layout.width[SUBJECT]
        left: list[_Block] = []
        for level, columns, members in self.layout.runs(names):
            parts = [term.jacobian[name] for name in members]
            if level == SUBJECT and columns.stop == end:
                whole = torch.cat([*parts, residual], -1)
                left.append((level, columns, whole[..., :-1]))
                return left, [*left[:-1], (level, slice(columns.start, end + 1), whole)]
            left.append((level, columns, parts[0] if len(parts) == 1 else torch.cat(parts, -1)))
        return left, [*left, (SUBJECT, slice(end, end + 1), residual)]

    def add_chain(self, term: ChainLinearisation) -> None:
        """Add a term between successive frames."""
        assert self.bands is not None
        names = [name for name in term.jacobian if self.layout.level.get(name) == FRAME]
        width = self.layout.width[FRAME]
        whole = term.residual.new_zeros(*next(iter(term.jacobian.values())).shape[:2], width)
        for name in names:
            whole[..., self.layout.columns[name]] = term.jacobian[name]
        triples = len(term.residual)
        sides = [c * whole[k : k + triples] * term.weight[..., None] for k, c in enumerate((1.0, -2.0, 1.0))]
        for k, side in enumerate(sides):
            self.hessian[FRAME, FRAME][k : k + triples] += side.transpose(1, 2) @ side
            self.slope(FRAME)[k : k + triples] += (term.residual[:, None] @ side)[:, 0]
            for further, other in enumerate(sides[k + 1 :]):
                self.bands[further][k : k + triples] += side.transpose(1, 2) @ other

    def _owner(self, level: int, rows: slice, above: int) -> slice | Tensor:
        """Which rows of ``above`` the rows of a level belong to."""
        same = self.structure.count(level) == self.structure.count(above)
        return rows if same else self.structure.owner(level, above)[rows]

    def diagonal(self, level: int) -> Tensor:
        """(rows, d) of ``J^T J``; a view."""
        return torch.diagonal(self.hessian[level, level], dim1=1, dim2=2)

    def slope(self, level: int) -> Tensor:
        """(rows, d) of ``J^T r``; a view."""
        return self.hessian[level, SUBJECT][..., -1]

    def solve(self, damping: Tensor) -> dict[str, Tensor]:
        """The step of ``(H + damping diag(H)) step = -slope`` by name, (rows, D); NaN where H is not positive.

        Args:
            damping: (subjects,).
        """
        h = {place: block.clone() for place, block in self.hessian.items()}
        for level in LEVELS:
            own = damping[self.structure.owner(level, SUBJECT)][:, None]
            diagonal = torch.diagonal(h[level, level], dim1=1, dim2=2)
            diagonal += own * diagonal + torch.finfo(diagonal.dtype).tiny
        right = torch.cat([h[VIEW, FRAME], h[VIEW, SUBJECT]], -1)
        solved_picture = _cholesky(h[VIEW, VIEW], right)
        self._reduce(h, VIEW, right, solved_picture)
        right = h[FRAME, SUBJECT]
        solved_moment = self._solve_moments(h[FRAME, FRAME], right)
        self._reduce(h, FRAME, right, solved_moment)
        subject = -_cholesky(h[SUBJECT, SUBJECT][..., :-1], h[SUBJECT, SUBJECT][..., -1:])[..., 0]

        above = subject[self.structure.subject]
        frame = -(solved_moment[..., :-1] @ above[..., None])[..., 0] - solved_moment[..., -1]
        above = torch.cat([frame, above], -1)[self.structure.frame]
        picture = -(solved_picture[..., :-1] @ above[..., None])[..., 0] - solved_picture[..., -1]
        steps = (picture, frame, subject)
        return {name: steps[level][:, self.layout.columns[name]] for name, level in self.layout.level.items()}

    def _reduce(self, h: dict[tuple[int, int], Tensor], level: int, cross: Tensor, solved: Tensor) -> None:
        """Take from the levels above what the unknowns of ``level`` explain; ``cross`` and ``solved`` (rows, d, D)."""
        if not solved.shape[1]:
            return
        higher, start = [above for above in LEVELS if above > level], 0
        for i, a in enumerate(higher):
            of_a = cross[..., start : start + self.layout.width[a]].transpose(1, 2)
            explained = (of_a @ solved[..., start:]).split([h[a, b].shape[2] for b in higher[i:]], -1)
            for b, block in zip(higher[i:], explained, strict=True):
                _add(h[a, b], self._owner(level, slice(None), a), -block)
            start += self.layout.width[a]

    def _solve_moments(self, matrix: Tensor, right: Tensor) -> Tensor:
        if self.bands is None:
            return _cholesky(matrix, right)
        bands = Bands(matrix, *self.bands)
        ends = torch.bincount(self.structure.subject).cumsum(0).tolist()
        parts = [slice(a, b) for a, b in pairwise([0, *ends])]
        return torch.cat([solve_bands(bands.part(rows), right[rows]) for rows in parts])


def _add(total: Tensor, owner: slice | Tensor, values: Tensor) -> None:
    """Add rows (R, ...) to those of their owners."""
    if isinstance(owner, slice):
        total[owner] += values
    else:
        total.index_add_(0, owner, values)


def _add_product(total: Tensor, owner: slice | Tensor, left: Tensor, right: Tensor) -> None:
    """Add ``left^T right`` of rows (R, M, d), (R, M, n) to those of their owners."""
    if right.shape[-1] == 1:  # a matrix times a vector is faster the other way round
        _add(total, owner, (right.transpose(1, 2) @ left).transpose(1, 2))
    elif isinstance(owner, slice):
        total[owner].baddbmm_(left.transpose(1, 2), right)
    else:
        total.index_add_(0, owner, left.transpose(1, 2) @ right)


def _cholesky(matrix: Tensor, right: Tensor) -> Tensor:
    """(R, d, d), (R, d, n) -> (R, d, n); NaN where the matrix is not positive definite."""
    if not right.numel():
        return right
    factor, info = torch.linalg.cholesky_ex(matrix)
    if right.shape[-1] < matrix.shape[-1]:
        solved = torch.cholesky_solve(right, factor)
    else:  # products are faster than substitutions
        eye = torch.eye(factor.shape[-1]).to(factor).expand_as(factor)
        inverse = torch.linalg.solve_triangular(factor, eye, upper=False)
        solved = inverse.transpose(1, 2) @ (inverse @ right)
    broken = info != 0
    return solved.masked_fill_(broken[:, None, None], torch.nan) if bool(broken.any()) else solved
