"""Colours of lamps, and the light that a place sends to a head in it."""

from __future__ import annotations

import numpy as np

from shared.synthetic.scene.colour import LUMINANCE

_XYZ_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])


def black_body(kelvin: float) -> np.ndarray:
    """(3,) linear sRGB of luminance 1, for 1667 K to 25000 K.

    Kim et al., "Design of advanced color temperature control system for HDTV applications", 2002: the Planckian locus.
    """
    t = 1000 / kelvin
    if kelvin < 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    return np.maximum(_XYZ_TO_RGB @ np.array([x / y, 1, (1 - x - y) / y]), 0).astype(np.float32)


def hue_colour(hue: float, saturation: float) -> np.ndarray:
    """(3,) linear colour of luminance 1; the hue runs once around in [0, 1)."""
    wheel = np.clip(np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    colour = (1 - saturation + saturation * wheel).astype(np.float32)
    return colour / (colour @ LUMINANCE)


def six_walls(walls: np.ndarray) -> np.ndarray:
    """Radiance of six walls (6, 3), towards +x, -x, +y, -y, +z, -z -> coefficients (9, 3) as in `shading`.

    Between walls the radiance is mixed by the squares of the direction, w_i^2 of wall i, which is exact in the even
    degrees; the odd part w |w| is nearest to 3/4 w.
    """
    even, odd = (walls[0::2] + walls[1::2]) / 2, (walls[0::2] - walls[1::2]) * 0.375
    constant, y_term, quadratic = 0.282095, 0.488603, (1.092548, 0.315392, 0.546274)
    x, y, z = even
    coefficients = np.zeros((9, 3), np.float32)
    coefficients[0] = (x + y + z) / 3 / constant
    coefficients[[3, 1, 2]] = odd / y_term
    coefficients[6] = (2 * z - x - y) / 6 / quadratic[1]
    coefficients[8] = (x - y) / 2 / quadratic[2]
    return coefficients
