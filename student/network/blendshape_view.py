"""The landmarker's blendshapes as a network reads them: activations of the units of which they say something."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shared.flame.blendshape_response import load_blendshape_response
from shared.flame.schema import FlameAssets


class BlendshapeView(nn.Module):
    """Of U units, by the response that was measured of the landmarker; see `shared.flame.blendshape_response`.

    Args:
        rows: (U,) int64 of the 52 coefficients.
        base, slope: (U,) of the response.
    """

    rows: Tensor
    base: Tensor
    slope: Tensor

    def __init__(self, rows: Tensor, base: Tensor, slope: Tensor) -> None:
        super().__init__()
        self.register_buffer("rows", rows)
        self.register_buffer("base", base)
        self.register_buffer("slope", slope)

    @staticmethod
    def of(assets: FlameAssets) -> BlendshapeView:
        """Of a head on which the landmarker was measured, else of no units."""
        response = load_blendshape_response(assets)
        if response is None:
            return BlendshapeView.empty(0)
        used = response.std.isfinite()
        return BlendshapeView(response.unit[used], response.base[used], response.slope[used])

    @staticmethod
    def empty(units: int) -> BlendshapeView:
        """To load weights into."""
        return BlendshapeView(torch.zeros(units, dtype=torch.int64), torch.zeros(units), torch.ones(units))

    @property
    def size(self) -> int:
        """F, number of features."""
        return len(self.rows) + 1

    def forward(self, blendshapes: Tensor) -> Tensor:
        """Coefficients (B, 52) -> features (B, F): activations, and 1; all 0 in rows that hold a NaN."""
        seen = blendshapes[:, self.rows]
        known = (seen == seen).all(1, keepdim=True)
        activation = (torch.where(known, seen, self.base) - self.base) / self.slope
        return torch.cat([activation, known.to(activation)], 1)
