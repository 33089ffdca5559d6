"""Vertices of a head by all their places in its texture: where charts meet, a vertex has one in each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from teacher.prior.geometry.lookup import Expected, Found, UvIndex, look_up, nearest_pixels


@dataclass(frozen=True)
class Charts:
    """N vertices with M >= N places in the texture."""

    places: UvIndex  # of the M
    row: Tensor  # (M,) int64, which of the N each belongs to; all N occur

    @staticmethod
    def of(assets: FlameAssets, vertices: Tensor) -> Charts:
        """Of vertices (N,), each of which a face has. ValueError if the head has no texture coordinates."""
        if not assets.has_uv:
            raise ValueError(f"head {assets.name!r} has no texture coordinates: put head_template.obj beside its file")
        pairs = torch.stack([assets.faces, assets.uv_faces], -1).flatten(0, 1).unique(dim=0)  # vertex, row of uv
        row = torch.full((assets.n_vertices,), -1)
        row[vertices] = torch.arange(len(vertices))
        ours = pairs[row[pairs[:, 0]] >= 0]
        return Charts(UvIndex.of(assets.uv[ours[:, 1]]), row[ours[:, 0]])

    def look_up(self, uv: Tensor, weight: Tensor, gate: float, radius: int, expected: Expected | None = None) -> Found:
        """`lookup.look_up` in one map (2, H, W): the N vertices, each in the chart that shows it best.

        ``expected`` is of the N.
        """
        if expected is not None:
            expected = replace(expected, pixel_px=expected.pixel_px[self.row])
        found = look_up(uv, weight, self.places, gate, radius, expected)
        return found[self._nearest(torch.where(found.valid, found.uv_distance, torch.inf))]

    def nearest_pixels(self, uv: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """`lookup.nearest_pixels` in one map: pixels (N, 2) and UV distances (N,)."""
        pixel, distance = nearest_pixels(uv, weight, self.places.wanted)
        chosen = self._nearest(distance)
        return pixel[chosen], distance[chosen]

    def distance(self, uv: Tensor) -> Tensor:
        """(N,) between the vertices and UVs (N, 2)."""
        distance = (self.places.wanted - uv[self.row]).norm(dim=1)
        return distance[self._nearest(distance)]

    def _nearest(self, distance: Tensor) -> Tensor:
        """(M,) -> (N,) int64, the place of each vertex with the least distance."""
        count = int(self.row.max()) + 1
        least = distance.new_full((count,), torch.inf).scatter_reduce_(0, self.row, distance, "amin")
        place = torch.where(distance == least[self.row], torch.arange(len(distance)), len(distance))
        return torch.full((count,), len(distance)).scatter_reduce_(0, self.row, place, "amin")
