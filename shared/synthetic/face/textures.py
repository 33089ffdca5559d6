"""Photographed textures that a user may bring: skins in the head's UV, and irises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SkinTexture:
    """The skin of one real person."""

    name: str
    albedo: np.ndarray  # (T, T, 3) uint8 sRGB over the head's UV, origin at the top left
    tone_deg: float  # individual typology angle of the face's mean: above 55 very light, below -30 dark


@dataclass(frozen=True, eq=False)
class IrisTexture:
    """One real iris, seen straight on."""

    name: str
    picture: np.ndarray  # (h, w, 3) uint8 sRGB, the pupil's centre in the middle
    radius_px: float  # of the iris
