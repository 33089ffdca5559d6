"""Triangles that one sees through: hair, lashes, lenses.

A pixel sees a triangle where its opacity there exceeds a threshold. Thresholds form a small pattern on the screen that
is shifted from triangle to triangle, so that the share of sub-pixels that see it is its opacity, and two half-opaque
layers hide three quarters: alpha to coverage (OpenGL 4.6, 17.3.1), without any sorting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Sub-pixels of 2 x 2 take these in turn; a single one takes the middle.
DITHER = torch.tensor([[0.125, 0.625], [0.875, 0.375]])
HALF = torch.tensor([[0.5]])


@dataclass(frozen=True, eq=False)
class Cover:
    """Opacity of F triangles."""

    uv: Tensor  # (F, 3, 2) float32 texture coordinates, origin at the top left; they wrap around
    layer: Tensor  # (F,) int64 row of ``layout``; -1: opaque
    texels: Tensor  # (N,) uint8, all textures end to end, row by row; 255 is opaque
    layout: Tensor  # (T, 3) int64: start in ``texels``, height and width of each texture
    thresholds: Tensor  # (n, n) in (0, 1)

    @staticmethod
    def of(uv: Tensor, layer: Tensor, textures: Sequence[Tensor], thresholds: Tensor) -> Cover:
        """From textures (h, w) uint8."""
        layout, start = [], 0
        for texture in textures:
            layout.append([start, *texture.shape])
            start += texture.numel()
        texels = torch.cat([texture.reshape(-1) for texture in textures])
        return Cover(uv, layer, texels, torch.tensor(layout, device=uv.device), thresholds.to(uv.device))

    def seen(self, face_index: Tensor, barycentric: Tensor, row: Tensor, column: Tensor) -> Tensor:
        """Whether pixels (P) at row and column see these faces at (P, 3) perspective-correct weights: (P) bool."""
        uv = (self.uv[face_index] * barycentric[..., None]).sum(-2)
        start, height, width = self.layout[self.layer[face_index].clamp_min(0)].unbind(-1)
        y, x = texel(uv, height, width)
        opacity = self.texels[start + y * width + x]
        period, shift = len(self.thresholds), scramble(face_index)
        threshold = self.thresholds[(row + shift) % period, (column + shift // 2) % period]
        return (self.layer[face_index] < 0) | (opacity > 255 * threshold)


def texel(uv: Tensor, height: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column (P) of the texel at uv (P, 2) of textures of (height, width) that wrap around."""
    uv = uv - uv.floor()
    return (uv[..., 1] * height).long().minimum(height - 1), (uv[..., 0] * width).long().minimum(width - 1)


def scramble(face_index: Tensor) -> Tensor:
    """Numbers 0 to 3 that look random from face to face (Knuth's multiplicative hash)."""
    return ((face_index * 2654435761) >> 15) & 3
