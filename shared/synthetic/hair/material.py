"""How hair answers to light: the person's colour, darker and lighter along the strands, shining across them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.synthetic.scene.scene import Hits, Shading

SPECULAR, ROUGHNESS = 0.046, 0.32


@dataclass(frozen=True, eq=False)
class StrandMaterial:
    """A `scene.Material` of strands."""

    rgb: tuple[float, float, float]  # linear colour of the hair
    strand: Tensor  # (V, 3) world direction along the hair at the surface's vertices, need not be unit
    tone: Tensor | None = None  # (h, w) float brightness factor over uv (1 = rgb), bilinear
    occlusion: Tensor | float = 1.0  # (V,) ambient share at the vertices

    def __call__(self, hits: Hits) -> Shading:
        """Shade the places; ValueError if there is a ``tone`` and the surface has no texture coordinates."""
        strand = torch.nn.functional.normalize(hits.at_vertices(self.strand), dim=1)
        albedo = strand.new_tensor(self.rgb).expand(len(strand), 3)
        if self.tone is not None:
            albedo = (albedo * sample_wrapped(self.tone, hits.uv)[:, None]).clamp(0, 1)
        occlusion = self.occlusion
        if isinstance(occlusion, Tensor):
            occlusion = hits.at_vertices(occlusion[:, None])[:, 0]
        return Shading(albedo, SPECULAR, ROUGHNESS, occlusion=occlusion, strand=strand)


def sample_wrapped(texture: Tensor, uv: Tensor) -> Tensor:
    """Bilinear values (P,) of a texture (h, w) that repeats, at uv (P, 2) with the origin at the top left corner."""
    height, width = texture.shape
    x, y = uv[:, 0] * width - 0.5, uv[:, 1] * height - 0.5
    left, top = x.floor(), y.floor()
    x, y = x - left, y - top
    column, row = left.long() % width, top.long() % height
    right, below = (column + 1) % width, (row + 1) % height * width
    row = row * width
    flat = texture.reshape(-1)
    upper = torch.lerp(flat[row + column], flat[row + right], x)
    lower = torch.lerp(flat[below + column], flat[below + right], x)
    return torch.lerp(upper, lower, y)
