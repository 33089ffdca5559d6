"""Irises out of MakeHuman's eye textures: round black pupils, and the ring around them that ends in the white."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from shared.synthetic.face.textures import IrisTexture
from shared.synthetic.makehuman.files import AssetError, read_image

_BLACK = 40  # no channel of a pupil is brighter, of 255
_PUPIL = (0.01, 0.08)  # its radius over the width of the texture
_IRIS = (1.5, 5.5)  # radius of the iris over that of the pupil
_MARGIN = 1.25  # of the picture over the iris


def read_iris(path: Path) -> IrisTexture:
    """The iris of an eye texture. AssetError if none is found."""
    image = read_image(path)
    if image.shape[2] == 4:
        image = np.where(image[..., 3:] > 127, image[..., :3], 255).astype(np.uint8)
    x, y, pupil = _pupil(image)
    radius = _iris_radius(image, x, y, pupil)
    half = int(np.ceil(_MARGIN * radius))
    shift = np.array([[1, 0, half - x], [0, 1, half - y]], np.float32)
    picture = cv2.warpAffine(image, shift, (2 * half, 2 * half), borderMode=cv2.BORDER_REPLICATE)
    return IrisTexture(path.stem.removesuffix("_eye"), picture, radius)


def _pupil(image: np.ndarray) -> tuple[float, float, float]:
    """Centre and radius, pixels with the origin at the corner of the picture."""
    dark = (image.max(2) < _BLACK).astype(np.uint8)
    _, _, boxes, centres = cv2.connectedComponentsWithStats(dark)
    best = None
    for (_, _, width, height, area), (x, y) in zip(boxes[1:], centres[1:], strict=True):
        radius = float(np.sqrt(area / np.pi))
        # A disc fills 79 % of its box; lashes and shadows around the iris are black too.
        is_round = 0.8 < width / height < 1.25 and area > 0.6 * width * height
        if is_round and _PUPIL[0] < radius / image.shape[1] < _PUPIL[1] and (best is None or radius > best[2]):
            best = (float(x) + 0.5, float(y) + 0.5, radius)
    if best is None:
        raise AssetError("no round black pupil is to be seen")
    return best


def _iris_radius(image: np.ndarray, x: float, y: float, pupil: float) -> float:
    """Where the brightness, averaged round the pupil, rises most: the rim of the iris against the white."""
    longest = _IRIS[1] * pupil
    steps = int(np.ceil(longest))
    polar = cv2.warpPolar(image, (steps, 180), (x - 0.5, y - 0.5), longest, cv2.WARP_POLAR_LINEAR)
    brightness = cv2.GaussianBlur(polar.mean((0, 2))[None].astype(np.float64), (5, 1), 0)[0]
    rise = np.gradient(brightness)
    first = int(_IRIS[0] / _IRIS[1] * steps)
    step = first + int(np.argmax(rise[first:-2]))
    if rise[step] < 2:
        raise AssetError("no rim of an iris is to be seen around the pupil")
    return (step + 0.5) * longest / steps
