"""Errors that whole patches of the face share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.landmark_noise import leading_modes


@dataclass(frozen=True)
class BiasModes:
    """Smooth displacement fields over points of the face, shared by all problems."""

    matrix: Tensor  # (P, k)
    remainder: Tensor  # (P,) standard deviation of what the modes leave out

    def in_pixels(self, scale_px: Tensor) -> Tensor:
        """(N, P, 2, 2 k) the fields in x and in y, ``scale_px`` (N,) pixels a unit."""
        zero = torch.zeros_like(self.matrix)
        both = torch.stack([torch.cat([self.matrix, zero], 1), torch.cat([zero, self.matrix], 1)], 1)
        return scale_px[:, None, None, None] * both

    @staticmethod
    def of(covariance: Tensor, count: int) -> BiasModes:
        """The leading ``count`` modes of a field over points with this covariance (P, P).

        What the modes leave out differs from point to point so quickly that it may count as independent noise; its size
        is returned as the remainder.
        """
        modes, left = leading_modes(covariance, count)
        return BiasModes(modes.to(covariance), left.to(covariance))

    @property
    def count(self) -> int:
        """k; fewer than asked for where there are fewer points."""
        return self.matrix.shape[1]


def patches(positions_m: Tensor, std: float, length_m: float) -> Tensor:
    """(P, P) ``std^2 exp(-distance / length)``: errors that neighbours (P, 3) share."""
    distance = torch.cdist(positions_m.double(), positions_m.double())
    return (std**2 * torch.exp(-distance / length_m)).to(positions_m)


def turns(normals: Tensor, std: float) -> Tensor:
    """(P, P) ``std^2 n_p . n_q``: errors that are linear in the normal (P, 3), such as a turn of the whole head."""
    return std**2 * normals @ normals.T
