"""A crop that may also be turned and mirrored: one map for pictures, points and directions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from shared.geometry.crop import Crop, sample_affine


class WarpOptions(Protocol):
    """How much crops are varied."""

    @property
    def roll_deg(self) -> float: ...  # standard deviations, as the next two

    @property
    def log_scale(self) -> float: ...

    @property
    def shift(self) -> float: ...  # share of the side

    @property
    def mirror(self) -> float: ...  # share of mirrored crops


@dataclass(frozen=True)
class Warp:
    """A crop, turned about its middle, then mirrored left to right."""

    crop: Crop
    roll_rad: float = 0.0  # clockwise as seen
    mirrored: bool = False

    @classmethod
    def draw(cls, crop: Crop, options: WarpOptions, rng: np.random.Generator) -> Self:
        """Vary an exact crop. Always takes the same number of draws."""
        size = crop.size[0]
        growth, *shift = rng.standard_normal(3).tolist()
        roll = math.radians(options.roll_deg) * float(rng.standard_normal())
        mirrored = bool(rng.random() < options.mirror)
        # In plain numbers: as tensors, a dozen of them, this takes longer than to cut the picture.
        (scale, _, x), (_, _, y) = crop.affine.tolist()
        side = size / scale
        middle = [
            (size / 2 - start) / scale + side * options.shift * by for start, by in zip((x, y), shift, strict=True)
        ]
        scale *= math.exp(-options.log_scale * growth)
        x, y = (size / 2 - scale * place for place in middle)
        return cls(Crop(crop.affine.new_tensor([[scale, 0.0, x], [0.0, scale, y]]), crop.size), roll, mirrored)

    @property
    def size(self) -> int:
        """Side of the crop in pixels."""
        return self.crop.size[0]

    @cached_property
    def turn(self) -> np.ndarray:
        """(3, 3) what roll and mirror do to directions seen by the camera."""
        cos, sin = math.cos(self.roll_rad), math.sin(self.roll_rad)
        flip = -1.0 if self.mirrored else 1.0
        return np.array([[flip * cos, -flip * sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])

    @cached_property
    def affine(self) -> np.ndarray:
        """(2, 3) float64, pixels of the picture -> pixels of the crop."""
        turn = self.turn[:2, :2]
        middle = np.full(2, self.size / 2)
        affine = turn @ self.crop.affine.double().numpy()
        affine[:, 2] += middle - turn @ middle
        return affine

    @cached_property
    def inverse(self) -> np.ndarray:
        """(2, 3) float64, pixels of the crop -> pixels of the picture."""
        return cv2.invertAffineTransform(self.affine)

    def points(self, points_px: Tensor) -> Tensor:
        """Pixels of the picture (N, 2) -> pixels of the crop. A mirror doesn't change which row is which point."""
        affine = torch.from_numpy(self.affine)
        return (points_px.double() @ affine[:, :2].T + affine[:, 2]).float()

    def image(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) -> (S, S, 3) of the same dtype, black outside."""
        return sample_affine(image, self.inverse, self.crop.size)
