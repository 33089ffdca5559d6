"""Code vectors of a head, and shorter ones that hold what moves some points."""

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
    def of(displacements: Tensor, sizes: CodeSizes, tolerance_m: float) -> CodeBasis:
        """Directions that move some points; those move by ``displacements`` (P, 3, K) with the codes.

        The principal directions are kept until the rest, at one standard deviation each, moves the points by less than
        ``tolerance_m`` in root mean square.
        """
        return CodeBasis.of_parts(displacements, sizes, [torch.arange(len(displacements))], tolerance_m, tolerance_m)

    @staticmethod
    def of_parts(
        displacements: Tensor, sizes: CodeSizes, parts: Sequence[Tensor], shape_m: float, expression_m: float
    ) -> CodeBasis:
        """The same with a tolerance each, and expression judged part by part.

        Expression lives in small parts of the face, and a wink moves few points: each of the ``parts`` (indices of
        points) weighs as much as any other, and what is left out may move none of them by more than ``expression_m``.
        """
        by_name = sizes.split(displacements)
        by_part = torch.cat([by_name["expression"][part] * len(part) ** -0.5 for part in parts])
        return CodeBasis(
            _visible_directions(by_name["shape"], shape_m * len(displacements) ** 0.5),
            _visible_directions(by_part, expression_m),
        )

    @property
    def sizes(self) -> CodeSizes:
        """Sizes of the reduced codes."""
        return CodeSizes(self.shape.shape[1], self.expression.shape[1])

    def leading(self, count: int) -> CodeBasis:
        """The first so many of each, which move the points most."""
        return CodeBasis(self.shape[:, :count].contiguous(), self.expression[:, :count].contiguous())

    def matrix(self) -> Tensor:
        """(K, k) the block-diagonal map from reduced codes to codes."""
        return torch.block_diag(self.shape, self.expression, torch.eye(2).to(self.shape))


def _visible_directions(displacements: Tensor, tolerance: float) -> Tensor:
    """(P, 3, C) -> (C, c) orthonormal; the others move the points by less than the tolerance, summed in squares."""
    flat = displacements.double().reshape(-1, displacements.shape[-1])
    _, singular, vh = torch.linalg.svd(flat, full_matrices=False)
    left_out = (singular**2).flip(0).cumsum(0).flip(0)  # energy of directions i, i+1, ...
    kept = int((left_out > tolerance**2).sum())
    return vh[: max(kept, 1)].T.to(displacements)
