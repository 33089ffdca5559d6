"""The prior on shape and expression codes, without its pull on the size of the head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.points import FlamePoints
from shared.records.tensor_record import TensorRecord
from teacher.solver.structure import FRAME, SUBJECT
from teacher.solver.terms import Linearisation, Values


@dataclass(frozen=True)
class ShapePrior(TensorRecord):
    """``W (shape / size(shape) - mean / size(mean))``, with ``W^T W`` the inverse covariance of the codes.

    One picture does not show how large a head is: a smaller one, nearer, looks the same. Under a plain Gaussian prior
    the smaller head also needs smaller codes for the same deviations, so the most probable codes belong to a head that
    is far too small (5 to 12 % on rendered heads), although the mean over all codes is not. Measuring the codes
    relative to the size takes that pull away; the size itself is held by its own codes, as all else is.
    """

    size: SizeFunctional
    mean: Tensor  # (G, s) the most probable codes: zero, or what an identity network says
    whiten: Tensor  # (G, s, s) lower triangular, to standard deviations: the weight of this term

    @property
    def level(self) -> int:
        """A row a person."""
        return SUBJECT

    @staticmethod
    def around(size: SizeFunctional, mean: Tensor, covariance: Tensor, std: float) -> ShapePrior:
        """Codes are N(mean, std^2 covariance): (G, s), and (G, s, s) or one of all."""
        return ShapePrior(size, mean, (whitening(covariance) / std).expand(len(mean), -1, -1))

    def residual(self, values: Values) -> Tensor:
        """(G, s) in standard deviations."""
        shape = values["shape"]
        off = shape / self.size(shape) - self.mean / self.size(self.mean)
        return (self.whiten @ off[..., None])[..., 0]

    def energy(self, values: Values) -> Tensor:
        """(G,)"""
        return 0.5 * (self.residual(values) ** 2).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by shape, dense through the size."""
        shape, size = values["shape"], self.size(values["shape"])
        through_size = (self.whiten @ shape[..., None]) * self.size.gradient  # (G, s, s)
        jacobian = self.whiten / size[..., None] - through_size / size[..., None] ** 2
        return Linearisation(self.residual(values), {"shape": jacobian})


@dataclass(frozen=True)
class ExpressionPrior(TensorRecord):
    """``whiten ([expression / size(shape), jaw, eyelids] - mean)``: what moves a face, together.

    A smile and the jaw, or a lid's own variable and the blink inside the expression basis, move the same points: with
    separate priors they compete, with one they share the motion as people do. Codes are relative to the size of the
    head, for the reason that `ShapePrior` gives.
    """

    size: SizeFunctional
    mean: Tensor  # (T, e + 5) the most probable values on a head of mean size: zero, or what a network says
    whiten: Tensor  # (T, e + 5, e + 5) lower triangular, to standard deviations: the weight of this term

    @property
    def level(self) -> int:
        """A row a moment."""
        return FRAME

    @staticmethod
    def around(size: SizeFunctional, mean: Tensor, covariance: Tensor) -> ExpressionPrior:
        """Values are N(mean, covariance): (T, e + 5), and (T, e + 5, e + 5) or one of all."""
        return ExpressionPrior(size, mean, whitening(covariance).expand(len(mean), -1, -1))

    def residual(self, values: Values) -> Tensor:
        """(T, e + 5) in standard deviations."""
        codes = values["expression"] / self.size(values["shape"])
        off = torch.cat([codes, values["jaw"], values["eyelids"]], 1) - self.mean
        return (self.whiten @ off[..., None])[..., 0]

    def energy(self, values: Values) -> Tensor:
        """(T,)"""
        return 0.5 * (self.residual(values) ** 2).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by what moves the face, and through the size by shape."""
        size = self.size(values["shape"])
        codes, jaw, eyelids = self.whiten.split([values["expression"].shape[1], 3, 2], -1)
        scaled = (codes @ (values["expression"] / size**2)[..., None])[..., 0]
        jacobian = {
            "expression": codes / size[..., None],
            "jaw": jaw,
            "eyelids": eyelids,
            "shape": -scaled[..., None] * self.size.gradient,
        }
        return Linearisation(self.residual(values), jacobian)


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


def whitening(covariance: Tensor) -> Tensor:
    """(B, D, D) -> (B, D, D) lower triangular; it makes standard deviations of deviations."""
    factor = torch.linalg.cholesky(covariance)
    eye = torch.eye(factor.shape[-1]).to(factor).expand_as(factor)
    return torch.linalg.solve_triangular(factor, eye, upper=False)
