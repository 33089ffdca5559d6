"""A user's folder of pictures as backgrounds."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import cv2
import numpy as np

from shared.images.decode import ImageError, load_image
from shared.images.source import find_inputs
from shared.synthetic.scene.colour import srgb_to_linear
from shared.synthetic.surroundings.canvas import through_lens

log = logging.getLogger(__name__)
_LINEAR = srgb_to_linear(np.arange(256, dtype=np.float32) / 255).astype(np.float32)
_TRIES = 8  # files, before a draw gives up


class PictureFolder:
    """All pictures below a folder, listed once.

    Raises:
        InputError: there is no such folder.
        ValueError: it has no picture.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = [ref.path for ref in find_inputs(folder) if ref.kind == "photo"]
        self._reported: set[str] = set()
        if not self._paths:
            raise ValueError(f"no picture in {str(folder)!r}")

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray | None:
        """(H, W, 3) float32 linear: a part of a picture, maybe mirrored, blurred, brighter or darker.

        None if none of several files can be read; each is reported once.
        """
        for index in rng.integers(len(self._paths), size=_TRIES):
            path = self._paths[index]
            try:
                image = load_image(path).image
            except ImageError as error:
                if path not in self._reported:
                    self._reported.add(path)
                    log.warning("background skipped: %s", error)
                continue
            return _part(rng, image, size)
        return None


def _part(rng: np.random.Generator, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A random window of a picture, thrown out of focus."""
    (height, width), share = image.shape[:2], rng.uniform(0.45, 1.0)
    scale = share * min(height / size[0], width / size[1])
    rows, columns = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    window = image[top : top + rows, left : left + columns]
    if rng.random() < 0.5:
        window = window[:, ::-1]
    shrinks = rows > size[0]
    flags = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(np.ascontiguousarray(window), size[::-1], interpolation=flags), np.uint8)
    scene = _LINEAR[resized]
    # Clipped lights were brighter than white: a blur shows it.
    scene = scene + np.float32(2) * np.maximum(scene - np.float32(0.9), 0) / np.float32(0.1)
    blur = min(0.03, 0.008 * math.exp(rng.normal(0, 0.8)))
    return through_lens(scene, blur) * np.float32(math.exp(rng.normal(0, 0.25)))
