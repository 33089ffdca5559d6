"""From UV back to the head: points of the template, and distances in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.records.tensor_record import TensorRecord
from teacher.prior.geometry.texels import Texels

_TEXELS = 1024  # 0.65 mm on the face; between texels points are interpolated


@dataclass(frozen=True)
class HeadSurface(TensorRecord):
    """The unposed mean head as a texture of points."""

    texture_m: Tensor  # (3, T, T) head frame; the nearest chart's where a texel belongs to none

    @staticmethod
    def of(assets: FlameAssets) -> HeadSurface:
        """ValueError if the head has no texture coordinates."""
        texels = Texels.of(assets, _TEXELS)
        return HeadSurface(texels.mix(assets.v_template[assets.faces]).permute(2, 0, 1).contiguous())

    def points_m(self, uv: Tensor) -> Tensor:
        """UV (..., 2) -> points (..., 3) of the template, head frame; UV outside [0, 1] is moved to the border."""
        grid = 2 * uv.reshape(1, 1, -1, 2).to(self.texture_m) - 1
        found = torch.nn.functional.grid_sample(
            self.texture_m[None], grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        return found[0, :, 0].T.reshape(*uv.shape[:-1], 3)

    def distance_mm(self, uv_a: Tensor, uv_b: Tensor) -> Tensor:
        """(..., 2) and (..., 2) -> (...) millimetres in a straight line between the points of the template."""
        return 1e3 * (self.points_m(uv_a) - self.points_m(uv_b)).norm(dim=-1)
