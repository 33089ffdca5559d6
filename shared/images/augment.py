"""What changes the pixels of a crop and not the place of anything: colour, blur, noise, compression."""

from __future__ import annotations

import random
from collections.abc import Sequence

import albumentations as A  # noqa: N812 - as everywhere in its documentation
import numpy as np


class Photometric:
    """Groups of albumentations; of each group at most one is applied. Built once, as building takes milliseconds.

    Portraits bring a camera of their own, so the ranges are those of what happens to pictures after they are taken.
    """

    def __init__(self, chance: float) -> None:
        self.chance = chance  # of each group
        self._groups: Sequence[Sequence[A.ImageOnlyTransform]] = (
            (
                A.RandomBrightnessContrast(brightness_limit=0.25, contrast_limit=0.25, p=1),
                A.RandomGamma(gamma_limit=(60, 160), p=1),
                A.HueSaturationValue(hue_shift_limit=8, sat_shift_limit=40, val_shift_limit=20, p=1),
                A.RGBShift(r_shift_limit=20, g_shift_limit=20, b_shift_limit=20, p=1),
                A.ToGray(p=1),
            ),
            (
                A.GaussianBlur(blur_limit=0, sigma_limit=(0.4, 1.8), p=1),
                A.MotionBlur(blur_limit=(3, 9), p=1),
                A.Downscale(scale_range=(0.3, 0.8), p=1),
                A.Sharpen(alpha=(0.1, 0.5), p=1),
            ),
            (
                A.GaussNoise(std_range=(0.01, 0.06), p=1),
                A.GaussNoise(std_range=(0.02, 0.08), per_channel=False, noise_scale_factor=0.5, p=1),
                A.MultiplicativeNoise(multiplier=(0.85, 1.15), elementwise=True, p=1),
            ),
            (A.ImageCompression(quality_range=(20, 90), compression_type="jpeg", p=1),),
        )

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A changed copy of (H, W, 3) uint8 RGB; all chance comes from ``rng``."""
        for group in self._groups:
            if rng.random() >= self.chance:
                continue
            transform = group[int(rng.integers(len(group)))]
            # Not by a seed: it would give each transform the same numbers, and takes longer.
            transform.set_random_state(rng, random.Random(int(rng.integers(2**32))))
            image = transform(image=image)["image"]
        return image
