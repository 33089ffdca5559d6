"""Errors that whole patches of the face share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class BiasModes:
    """Smooth displacement fields over points of the face, shared by all problems."""

    matrix: Tensor  # (P, k)
    remainder: Tensor  # (P,) standard deviation of what the modes leave out

    @staticmethod
    def of(positions_m: Tensor, std: float, length_m: float, count: int) -> BiasModes:
        """The leading ``count`` modes of a Gaussian process over the points' places (P, 3) on the mean head.

        Its covariance is ``std^2 exp(-distance / length)``. What the modes leave out differs from point to point so
        quickly that it may count as independent noise; its size is returned as the remainder.
        """
        places = positions_m.double()
        distance = (places[:, None] - places[None]).norm(dim=-1)
        eigenvalues, vectors = torch.linalg.eigh(std**2 * torch.exp(-distance / length_m))
        scaled = vectors.flip(1)[:, :count] * eigenvalues.flip(0)[:count].clamp(min=0).sqrt()
        left = (std**2 - (scaled**2).sum(1)).clamp(min=0).sqrt()
        return BiasModes(scaled.to(positions_m), left.to(positions_m))

    def scaled(self, factor: Tensor) -> BiasModes:
        """The same process with each point's deviation times a factor (P,)."""
        return BiasModes(self.matrix * factor[:, None], self.remainder * factor)
