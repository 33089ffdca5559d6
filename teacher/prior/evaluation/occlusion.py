"""A patch pasted over a known share of the face: how a network does beside it, under it, and whether it knows."""

from __future__ import annotations

import cv2
import numpy as np
from torch import Tensor

from shared.flame.landmarks import FACE_OVAL
from shared.synthetic.scene.streams import stream

_SEED = 40_000_003  # of the benchmark
_LOBES = 3  # waves around the patch's outline
_GRAINS = (3, 17, 96)  # cells across the picture of the noise that it is painted with


def face_skin(valid: np.ndarray, landmarks_px: Tensor) -> np.ndarray:
    """(H, W) bool: visible skin of the head (H, W) within the oval of the landmarks (478, 2)."""
    oval = np.zeros(valid.shape, np.uint8)
    cv2.fillPoly(oval, [landmarks_px[list(FACE_OVAL)].numpy().round().astype(np.int32)], 1)
    return valid & oval.astype(bool)


def cover_face(image: np.ndarray, skin: np.ndarray, share: float, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Paste an opaque, textured patch of random place and outline over a picture, the same for the same ``number``.

    Args:
        image: (H, W, 3) uint8 RGB.
        skin: (H, W) bool, not empty.
        share: of ``skin`` that is to be covered.
        number: of the picture.

    Returns:
        The picture, and the mask (H, W) bool of the patch, which goes on beside the skin.
    """
    rng = stream(_SEED, number, "patch")
    rows, columns = np.nonzero(skin)
    middle = rng.integers(len(rows))
    y, x = np.mgrid[: skin.shape[0], : skin.shape[1]]
    across, down = x - columns[middle], y - rows[middle]
    angle = np.arctan2(down, across)
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(0.0, 0.35)
    outline = 1 + stretch * np.cos(2 * (angle - turn))
    outline += rng.uniform(0.05, 0.15) * np.sin(_LOBES * angle + rng.uniform(0, 2 * np.pi))
    size = np.hypot(across, down) / outline
    patch = size <= np.quantile(size[skin], share)
    return np.where(patch[..., None], _texture(skin.shape, rng), image), patch


def _texture(size: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8: coarse to fine noise around a colour."""
    texture = np.broadcast_to(rng.uniform(20, 235, 3), (*size, 3)).astype(np.float32)
    for cells in _GRAINS:
        noise = rng.normal(0, 30, (cells, cells, 3)).astype(np.float32)
        texture = texture + cv2.resize(noise, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(texture, 0, 255).astype(np.uint8)
