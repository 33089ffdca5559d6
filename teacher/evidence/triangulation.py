"""Where on a head a detector or a network sees its points, from views that each show two directions of the error."""

from __future__ import annotations

import torch
from torch import Tensor

_OUTLIER_M = 0.003  # deviations beyond this lose weight
_STEPS = 10  # of the reweighting


def triangulate_offsets(error_m: Tensor, seen: Tensor, R_cam_head: Tensor, prior_views: float) -> Tensor:
    """(P, 3) metres, head frame: robust least-squares offset of each point over the views that see it.

    Args:
        error_m: (N, P, 2) seen less true place, at the point's depth, camera axes.
        seen: (N, P) bool.
        R_cam_head: (N, 3, 3).
        prior_views: the pull to zero, as so many views.
    """
    rows = R_cam_head[:, :2]
    offset = torch.zeros(error_m.shape[1], 3)
    for _ in range(_STEPS):
        left = error_m - torch.einsum("nij,pj->npi", rows, offset)
        weight = seen / (1 + (left.norm(dim=-1) / _OUTLIER_M) ** 2)
        information = torch.einsum("np,nij,nik->pjk", weight, rows, rows) + prior_views * torch.eye(3)
        pull = torch.einsum("np,nij,npi->pj", weight, rows, left) - prior_views * offset
        offset = offset + torch.cholesky_solve(pull[..., None], torch.linalg.cholesky(information))[..., 0]
    return offset
