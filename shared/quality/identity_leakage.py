"""Whether a neutral head carries an expression that belongs to the picture, not to the person.

Shape and expression codes move the same lips and brows, so that a fit can put a smile into the identity. One picture
alone cannot distinguish a smile from a face that is like that; but shape coefficients of people are independent and
normal, and those that imitate an expression are far from likely. The measure is how far, in standard deviations, the
shape coefficients of a head reach along those that imitate an expression.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams

JAW_STEP_RAD = 0.2  # opening that stands for the jaw's; the skin follows it almost linearly
STRONGEST = 10  # expression codes that are looked at one by one: the first ones move the face most
_NOISE_M = 1e-3  # what a fit knows the surface by: a millimetre at
_POINTS = 100  # so many independent places


@dataclass(frozen=True)
class IdentityLeakage:
    """The shape codes that imitate each expression code at 1, and the jaw opened by a radian, as well as they can."""

    imitation: Tensor  # (E + 1, S)

    @staticmethod
    def of(model: FlameModel) -> IdentityLeakage:
        """Ridge regression of each expression's displacements on those of the shape codes, whose prior is N(0, 1)."""
        assets = model.assets
        shape = assets.shapedirs.double().cpu().flatten(0, 1)  # (3V, S)
        moved = torch.cat([assets.expressiondirs.cpu(), _jaw_opening(model)[..., None]], -1).double().flatten(0, 1)
        weight = _POINTS / (assets.n_vertices * _NOISE_M**2)
        gram = weight * shape.T @ shape + torch.eye(shape.shape[1], dtype=shape.dtype)
        return IdentityLeakage(torch.cholesky_solve(weight * shape.T @ moved, torch.linalg.cholesky(gram)).T.float())

    def reach(self, params: FlameParams) -> float:
        """The farthest reach along an expression, in standard deviations of people's heads.

        Along the expression of the fit itself, the jaw's opening and the strongest expressions. ``params`` are on the
        CPU, without leading dimensions. 0 where no expression can be imitated.
        """
        own = torch.cat([params.expression, params.jaw[:1]]) @ self.imitation
        along = torch.cat([own[None], self.imitation[:STRONGEST], self.imitation[-1:]])
        return float(((along @ params.shape) / along.norm(dim=-1).clamp_min(1e-6)).abs().max())


def _jaw_opening(model: FlameModel) -> Tensor:
    """(V, 3) displacement of the skin per radian, on the CPU."""
    neutral = model.neutral_params()
    with torch.no_grad():
        opened = model(replace(neutral, jaw=neutral.jaw.new_tensor([JAW_STEP_RAD, 0.0, 0.0]))).verts_m
        return ((opened - model(neutral).verts_m) / JAW_STEP_RAD).cpu()
