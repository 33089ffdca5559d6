"""The focal length in a photo's EXIF."""

from __future__ import annotations

import math
from typing import Any

from PIL import Image

from shared.geometry.focal import DIAGONAL_35MM

EXIF_IFD = 0x8769
FOCAL_LENGTH, FOCAL_35MM = 0x920A, 0xA405
PIXEL_WIDTH, PLANE_X_RESOLUTION, PLANE_UNIT = 0xA002, 0xA20E, 0xA210
UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
PLAUSIBLE_MM = (6.0, 1200.0)  # fisheye to the longest telephoto lens, as 35 mm equivalents


def focal_35mm(picture: Image.Image) -> float | None:
    """35 mm equivalent focal length (mm, by the diagonal) of an opened photo, or None where EXIF does not say.

    ``FocalLengthIn35mmFilm`` is taken first; else the sensor's size follows from ``FocalPlaneXResolution`` and gives
    the crop factor. Values outside 6 to 1200 mm, which some programs write, count as absent.
    """
    try:
        tags = picture.getexif().get_ifd(EXIF_IFD)
    except Exception:  # damaged EXIF beside good pixels
        return None
    equivalent = _positive(tags.get(FOCAL_35MM))
    if equivalent is None:
        equivalent = _from_sensor(tags, picture.size)
    if equivalent is None or not PLAUSIBLE_MM[0] <= equivalent <= PLAUSIBLE_MM[1]:
        return None
    return equivalent


def exif_of_focal(focal_px: float) -> Image.Exif:
    """EXIF that gives a focal length in pixels, by a lens and the resolution of its sensor; `focal_35mm` reads it."""
    exif = Image.Exif()
    lens_mm, millimetres = 50.0, 4  # any lens does: only its ratio to the size of a pixel counts
    tags = exif.get_ifd(EXIF_IFD)
    tags[FOCAL_LENGTH], tags[PLANE_X_RESOLUTION], tags[PLANE_UNIT] = lens_mm, focal_px / lens_mm, millimetres
    return exif


def _from_sensor(tags: dict[int, Any], size: tuple[int, int]) -> float | None:
    focal_mm = _positive(tags.get(FOCAL_LENGTH))
    pixels_per_unit = _positive(tags.get(PLANE_X_RESOLUTION))
    unit_mm = UNIT_MM.get(tags.get(PLANE_UNIT, 2))
    if focal_mm is None or pixels_per_unit is None or unit_mm is None:
        return None
    # The resolution counts the camera's own pixels, which EXIF keeps when a program shrinks the picture.
    width_px = _positive(tags.get(PIXEL_WIDTH)) or size[0]
    sensor_width_mm = width_px / pixels_per_unit * unit_mm
    sensor_diagonal_mm = sensor_width_mm * math.hypot(*size) / size[0]
    return focal_mm * DIAGONAL_35MM / sensor_diagonal_mm


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0 else None
