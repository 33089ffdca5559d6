"""From a picture to what a prior network sees of a face: the same crop in training, validation and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from shared.geometry.crop import Crop
from teacher.prior.records import LANDMARK_CHANNELS, PriorInput

if TYPE_CHECKING:
    from teacher.prior.geometry.landmark_maps import LandmarkMapper


def prior_input(
    image: np.ndarray, crop: Crop, landmarks_px: Tensor | None, mapper: LandmarkMapper | None
) -> PriorInput:
    """Cut one face out of a picture, without leading dimensions.

    Args:
        image: (H, W, 3) uint8 RGB.
        crop: square, its side an even number of pixels.
        landmarks_px: (478, 2) in pixels of the picture; None hides them from the network.
        mapper: of the network's head; without it, they are hidden too.
    """
    points = None if landmarks_px is None else crop.apply(landmarks_px.float())
    return crop_input(crop.sample(image), points, mapper)


def crop_input(image: np.ndarray, landmarks_px: Tensor | None, mapper: LandmarkMapper | None) -> PriorInput:
    """The same from a picture (S, S, 3) that is a crop already, and landmarks in its pixels."""
    size, pixels = image.shape[0], _pixels(image)
    if landmarks_px is None or mapper is None:
        nothing = torch.zeros(LANDMARK_CHANNELS, size // 2, size // 2)
        return PriorInput(pixels, torch.zeros(478, 2), nothing, torch.tensor(False))
    maps = torch.from_numpy(mapper.maps(landmarks_px.numpy(), size))
    return PriorInput(pixels, landmarks_px, maps, torch.tensor(True))


def fitted_input(image: np.ndarray, landmarks_px: Tensor | None, maps: Tensor | None, points_px: Tensor) -> PriorInput:
    """The same with what a head fitted to the landmarks shows; without one, ``maps`` is None and the points are 0.

    Args:
        image, landmarks_px: as `crop_input`.
        maps: (6, S / 2, S / 2) of `HeadDrawer`.
        points_px: (N, 2) the network's vertices of the fitted head in the crop.
    """
    size, pixels = image.shape[0], _pixels(image)
    if landmarks_px is None or maps is None:
        nothing = torch.zeros(LANDMARK_CHANNELS, size // 2, size // 2)
        return PriorInput(pixels, torch.zeros(478, 2), nothing, torch.tensor(False), torch.zeros_like(points_px))
    return PriorInput(pixels, landmarks_px, maps, torch.tensor(True), points_px)


def _pixels(image: np.ndarray) -> Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).contiguous().float() / 255
