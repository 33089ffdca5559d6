"""What the mirror image of a head is in the codes of its model."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.flame.model import FlameModel

_TOLERANCE = 1e-2  # of the largest displacement
_JAW_IN_MIRROR = (1.0, -1.0, -1.0)  # axis-angle


def mirror_of_codes(model: FlameModel, partners: Tensor) -> Tensor | None:
    """(S + E + 3, S + E + 3) from codes and jaw of a head to those of its mirror image; None if it is not of the model.

    ``partners`` (V,) int64: the vertex across the symmetry plane.
    """
    shape, expression, _ = model.blendshapes.double().split([model.n_shape, model.n_expression, 2], -1)
    parts = [_mirrored_codes(moves, partners) for moves in (shape, expression)]
    known = [part for part in parts if part is not None]
    return torch.block_diag(*known, torch.diag(torch.tensor(_JAW_IN_MIRROR))) if len(known) == len(parts) else None


def _mirrored_codes(moves: Tensor, partners: Tensor) -> Tensor | None:
    """Of displacements (V, 3, C) by codes."""
    other = (moves[partners] * moves.new_tensor([-1.0, 1.0, 1.0])[:, None]).flatten(0, 1)
    moves = moves.flatten(0, 1)
    gram = moves.T @ moves
    ridge = 1e-9 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    codes = torch.cholesky_solve(moves.T @ other, torch.linalg.cholesky(gram + ridge))
    closed = (moves @ codes - other).abs().max() < _TOLERANCE * other.abs().max()
    return codes.float() if bool(closed) else None
