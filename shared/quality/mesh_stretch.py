"""Whether a mesh is still a head: how much of it is stretched out of proportion."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.schema import FlameAssets

TOO_LONG = 2.0  # times the template's edge: mouths and lids that open stretch few edges so far


@dataclass(frozen=True)
class MeshStretch:
    """The template's edges."""

    edges: Tensor  # (N, 2) int64 vertices
    length_m: Tensor  # (N,)

    @staticmethod
    def of(assets: FlameAssets) -> MeshStretch:
        """Each edge of the head once, on the CPU."""
        faces, template = assets.faces.cpu(), assets.v_template.cpu()
        edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).sort(1).values.unique(dim=0)
        return MeshStretch(edges, _lengths(template, edges))

    def stretched(self, verts_m: Tensor) -> float:
        """Share of the head's edges, by length, that are over `TOO_LONG` times too long. ``verts_m`` (V, 3)."""
        too_long = ~(_lengths(verts_m, self.edges) <= TOO_LONG * self.length_m)  # NaN is too long
        return float(self.length_m[too_long].sum() / self.length_m.sum())


def _lengths(verts_m: Tensor, edges: Tensor) -> Tensor:
    return (verts_m[edges[:, 0]] - verts_m[edges[:, 1]]).norm(dim=-1)
