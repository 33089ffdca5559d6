"""The prior on shape and expression codes, without its pull on the size of the head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.points import FlamePoints
from shared.records import TensorRecord
from teacher.solver import Linearisation, Values


@dataclass(frozen=True)
class CodePrior(TensorRecord):
    """``codes / (std * size(shape))`` for shape and expression.

    One picture does not tell how large a head is: a smaller one, nearer, looks the same. Under a plain Gaussian prior
    the smaller head also needs smaller codes for the same deviations, so the most probable codes belong to a head that
    is far too small (5 to 12 % on rendered heads), although the mean over all codes is not. Measuring the codes
    relative to the size takes that pull away; the size itself is held by its own codes, as all else is.
    """

    size: SizeFunctional
    std: Tensor  # (B, s + e) standard deviation of each code, the weight of this term

    def residual(self, values: Values) -> Tensor:
        """(B, s + e) in standard deviations."""
        codes = torch.cat([values["shape"], values["expression"]], 1)
        return codes / (self.std * self.size(values["shape"]))

    def energy(self, values: Values) -> Tensor:
        """(B,)"""
        return 0.5 * (self.residual(values) ** 2).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by shape and expression; dense in shape, through the size."""
        residual = self.residual(values)
        size = self.size(values["shape"])
        n_shape = values["shape"].shape[1]
        jacobian = torch.diag_embed(1 / (self.std * size))
        jacobian[:, :, :n_shape] -= (residual / size)[..., None] * self.size.gradient
        return Linearisation(residual, {"shape": jacobian[..., :n_shape], "expression": jacobian[..., n_shape:]})


@dataclass(frozen=True)
class SizeFunctional:
    """Size of the shaped head relative to the mean head: the share of its shape that is pure scaling."""

    gradient: Tensor  # (s,) change of the size by each shape code

    @staticmethod
    def of(points: FlamePoints) -> SizeFunctional:
        """Least-squares scale of the points' rest positions against those of the mean head."""
        centred = points.rest_positions() - points.rest_positions().mean(0)
        directions = points.sizes.split(points.displacements())["shape"]
        directions = directions - directions.mean(0)
        return SizeFunctional(torch.einsum("pk,pks->s", centred, directions) / (centred**2).sum())

    def __call__(self, shape: Tensor) -> Tensor:
        """(B, s) -> (B, 1); 1 for the mean head."""
        return (1 + shape @ self.gradient)[:, None].clamp(min=0.5)
