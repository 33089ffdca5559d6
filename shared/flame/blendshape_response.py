"""What the landmarker's blendshape coefficients say of the activations of a head's ARKit units, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.landmark_noise import stored_noise
from shared.flame.schema import FlameAssets
from shared.records.tensor_record import TensorRecord


@dataclass(frozen=True)
class BlendshapeResponse(TensorRecord):
    """``coefficient = base + slope * activation + noise``, of units in the order of the head's ARKit map."""

    unit: Tensor  # (U,) int64, which of the landmarker's coefficients
    base: Tensor  # (U,) at rest
    slope: Tensor  # (U,) by activation
    std: Tensor  # (U,) of the noise, in activations; infinite where the coefficient says nothing

    def activation(self, coefficients: Tensor) -> Tensor:
        """(..., U) -> (..., U)"""
        return (coefficients - self.base) / torch.where(self.slope == 0, 1.0, self.slope)


def load_blendshape_response(assets: FlameAssets) -> BlendshapeResponse | None:
    """As measured on a head; None if it was not."""
    tensors = stored_noise(assets)
    return None if tensors is None or "blendshape_base" not in tensors else response_of(tensors)


def response_of(tensors: Mapping[str, Tensor]) -> BlendshapeResponse:
    """From what a measurement stores."""
    base, slope, std = (tensors[f"blendshape_{name}"].float() for name in ("base", "slope", "std"))
    return BlendshapeResponse(tensors["blendshape_unit"], base, slope, torch.where(slope == 0, torch.inf, std))
