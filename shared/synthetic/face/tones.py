"""The colour of human skin: a base tone by melanin, and what more melanin or blood does to it.

Local variation is added to the logarithm of the albedo, along two directions: more melanin (freckles, tan, dark
lids) moves along the curve of human tones, more haemoglobin (lips, cheeks, flush) takes green and blue away.
"""

from __future__ import annotations

import math

import numpy as np

# Linear albedo at melanin 0, 0.2, ... 1.
_TONES = np.array(
    [
        (0.680, 0.475, 0.385),
        (0.580, 0.365, 0.265),
        (0.440, 0.248, 0.158),
        (0.275, 0.140, 0.082),
        (0.132, 0.063, 0.036),
        (0.046, 0.0245, 0.0165),
    ]
)
_MELANIN_GREEN, _BLOOD = 2.0, np.array([0.10, 0.95, 0.72])
# Y and Z (CIE 1931) of linear sRGB with the white D65 at 1.
_YZ = np.array([[0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8728]])


def base_tone(melanin: float, warmth: float = 0.0, blood: float = 0.0) -> np.ndarray:
    """(3,) linear albedo. ``melanin`` 0 to 1; ``warmth`` moves from pink (-1) to yellow (1); ``blood`` 0 as usual."""
    logs = np.log(_TONES)
    place = np.linspace(0, 1, len(_TONES))
    log_tone = np.array([np.interp(melanin, place, logs[:, channel]) for channel in range(3)])
    yellow = np.array([0.0, 0.03, -0.12]) * warmth
    return np.exp(log_tone + yellow - blood * _BLOOD * (1 - 0.62 * melanin))


def pigment_directions(melanin: float) -> np.ndarray:
    """(2, 3) what one unit of melanin and of haemoglobin takes off the log albedo of skin of that tone.

    More melanin moves along the curve of tones, by the same share of green on any skin; it hides most of the blood.
    """
    low = min(max(melanin - 0.2, 0.0), 0.55)
    along = np.log(base_tone(low)) - np.log(base_tone(low + 0.45))
    return np.stack([_MELANIN_GREEN * along / along[1], _BLOOD * (1 - 0.62 * melanin)])


def typology_angle_deg(albedo: np.ndarray) -> float:
    """Individual typology angle atan((L* - 50) / b*) of a linear RGB albedo (3,), degrees; D65."""
    y, z = (_lab_root(value) for value in _YZ @ albedo)
    lightness, blue_yellow = 116 * y - 16, 200 * (y - z)
    return math.degrees(math.atan2(lightness - 50, blue_yellow))


def _lab_root(value: float) -> float:
    return value ** (1 / 3) if value > (6 / 29) ** 3 else value / (3 * (6 / 29) ** 2) + 4 / 29
