"""Code vectors of a head, and shorter ones that hold what some points can see of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class CodeSizes:
    """How a code vector splits: shape, expression, and two eyelids."""

    shape: int
    expression: int

    @property
    def total(self) -> int:
        """K."""
        return self.shape + self.expression + 2

    def split(self, codes: Tensor) -> dict[str, Tensor]:
        """Slices of the last dimension by name."""
        parts = codes.split([self.shape, self.expression, 2], -1)
        return dict(zip(("shape", "expression", "eyelids"), parts, strict=True))


@dataclass(frozen=True)
class CodeBasis:
    """Orthonormal directions of shape and of expression: ``shape = shape_basis @ reduced``, likewise expression.

    Because the columns are orthonormal, a unit Gaussian on the codes is a unit Gaussian on the reduced codes, and what
    is left out stays at its mean.
    """

    shape: Tensor  # (S, s)
    expression: Tensor  # (E, e)

    @staticmethod
    def of(
        displacements: Tensor, sizes: CodeSizes, tolerance_m: float, groups: Sequence[Tensor], group_tolerance_m: float
    ) -> CodeBasis:
        """Directions that some points can see, which move by ``displacements`` (P, 3, K) with the codes.

        Of shape, the principal directions are kept until the rest, at one standard deviation each, moves the points by
        less than ``tolerance_m`` in root mean square. Expression lives in small parts of the face: a wink moves few
        points. Each of the ``groups`` of points (indices) counts as much as any other, and the rest may move none of
        them by more than ``group_tolerance_m``.
        """
        parts = sizes.split(displacements)
        by_group = [parts["expression"][group] * (len(group) * len(groups)) ** -0.5 for group in groups]
        expression = torch.cat(by_group).double().flatten(0, 1)
        count = len(expression) // 3
        return CodeBasis(
            _visible_directions(parts["shape"], tolerance_m),
            _visible_directions(torch.cat(by_group) * count**0.5, group_tolerance_m / len(groups) ** 0.5),
        )

    @property
    def sizes(self) -> CodeSizes:
        """Sizes of the reduced codes."""
        return CodeSizes(self.shape.shape[1], self.expression.shape[1])

    def matrix(self) -> Tensor:
        """(K, k) the block-diagonal map from reduced codes to codes."""
        return torch.block_diag(self.shape, self.expression, torch.eye(2).to(self.shape))


def _visible_directions(displacements: Tensor, tolerance_m: float) -> Tensor:
    """(P, 3, C) -> (C, c) orthonormal."""
    flat = displacements.double().reshape(-1, displacements.shape[-1])
    _, singular, vh = torch.linalg.svd(flat, full_matrices=False)
    left_out = (singular**2).flip(0).cumsum(0).flip(0)  # energy of directions i, i+1, ...
    kept = int((left_out > tolerance_m**2 * displacements.shape[0]).sum())
    return vh[: max(kept, 1)].T.to(displacements)
