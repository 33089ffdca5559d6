"""What the network sees."""

from __future__ import annotations

import numpy as np
import torch

from shared.geometry.crop import Crop
from teacher.prior.geometry.crops import prior_input


def test_input_without_landmarks_is_the_hidden_input() -> None:
    image = np.full((40, 40, 3), (255, 0, 51), np.uint8)
    crop = Crop.square(torch.tensor([20.0, 20.0]), torch.tensor(30.0), 16)
    given = prior_input(image, crop, None, None)
    assert torch.allclose(given.image.mean((1, 2)), torch.tensor([1.0, 0.0, 0.2]))
    assert given.landmark_maps.shape == (6, 8, 8)
    assert not given.has_landmarks
    hidden = given.without_landmarks()
    assert torch.equal(hidden.landmark_maps, given.landmark_maps)
    assert torch.equal(hidden.landmarks_px, given.landmarks_px)
