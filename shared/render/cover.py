"""Triangles that one sees through: hair, lashes, lenses.

A pixel sees a triangle where its opacity there exceeds a threshold. Thresholds form a small pattern on the screen that
is shifted from triangle to triangle, so that the share of sub-pixels that see it is its opacity, and two half-opaque
layers hide three quarters: alpha to coverage (OpenGL 4.6, 17.3.1), without any sorting.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

# Sub-pixels of 2 x 2 take these in turn; a single one takes the middle.
DITHER = torch.tensor([[0.125, 0.625], [0.875, 0.375]])
HALF = torch.tensor([[0.5]])


@dataclass(frozen=True, eq=False)
class Cover:
    """Opacity of F triangles."""

    uv: Tensor  # (F, 3, 2) float32 texture coordinates, origin at the top left; they wrap around
    layer: Tensor  # (F,) int64 row of ``textures``; -1: opaque
    textures: tuple[Tensor, ...]  # each (h, w) uint8, 255 is opaque
    thresholds: Tensor  # (n, n) in (0, 1)

    @cached_property
    def texels(self) -> Tensor:
        """(N,) uint8: all textures, end to end, row by row."""
        return torch.cat([texture.reshape(-1) for texture in self.textures])

    @cached_property
    def layout(self) -> Tensor:
        """(T, 3) int64: start in ``texels``, height and width of each texture."""
        sizes = [tuple(texture.shape) for texture in self.textures]
        starts = [sum(h * w for h, w in sizes[:index]) for index in range(len(sizes))]
        return torch.tensor([[start, h, w] for start, (h, w) in zip(starts, sizes, strict=True)])

    def seen(self, face_index: Tensor, barycentric: Tensor, row: Tensor, column: Tensor) -> Tensor:
        """Whether pixels (P) at row and column see these faces at (P, 3) perspective-correct weights: (P) bool."""
        uv = (self.uv[face_index] * barycentric[..., None]).sum(-2)
        uv = uv - uv.floor()
        start, height, width = self.layout.to(uv.device)[self.layer[face_index].clamp_min(0)].unbind(-1)
        y = (uv[..., 1] * height).long().minimum(height - 1)
        x = (uv[..., 0] * width).long().minimum(width - 1)
        opacity = self.texels.to(uv.device)[start + y * width + x]
        period, shift = len(self.thresholds), scramble(face_index)
        pattern = self.thresholds.to(uv.device)
        threshold = pattern[(row + shift) % period, (column + shift // 2) % period]
        return (self.layer[face_index] < 0) | (opacity > 255 * threshold)


def scramble(face_index: Tensor) -> Tensor:
    """Numbers 0 to 3 that look random from face to face (Knuth's multiplicative hash)."""
    return ((face_index * 2654435761) >> 15) & 3
