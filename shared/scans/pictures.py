"""The picture of a scan and its maps, as they were stored. Each reader raises `ScanError`, which names the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from shared.images.stored import StoredPictureError, read_stored, read_stored_photo
from shared.scans.errors import ScanError

FILES = ("image", "normal", "uv", "mask")  # what every scan that is trained on has
SUFFIXES = (".jpg", ".jpeg", ".png")
Size = tuple[int, ...]  # (height, width)


def read_image(folder: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, whatever EXIF says of its orientation: the maps are as stored too."""
    path = next((folder / f"image{suffix}" for suffix in SUFFIXES if (folder / f"image{suffix}").exists()), None)
    if path is None:
        raise ScanError("image.jpg or image.png is missing")
    return _read(path, read_stored_photo)


def read_normals(folder: Path, size: Size) -> np.ndarray:
    """(H, W, 3) float32."""
    stored = _map(folder / "normal.png", size)
    return stored.astype(np.float32) * (2 / np.iinfo(stored.dtype).max) - np.float32(1)


def read_uv(folder: Path, size: Size) -> np.ndarray:
    """(H, W, 2) float32 in [0, 1]."""
    stored = _map(folder / "uv.png", size)
    if stored.dtype != np.uint16:
        raise ScanError("uv.png has 8 bits a channel; it needs 16, as a step of 8 bits is 3 mm on the face")
    return np.ascontiguousarray(stored[..., :2]).astype(np.float32) * np.float32(1 / 65535)


def read_plane(path: Path, size: Size) -> np.ndarray:
    """(H, W) uint8."""
    picture = _sized(path, size)
    if picture.ndim != 2 or picture.dtype != np.uint8:
        raise ScanError(f"{path.name} must be a grey picture of 8 bits")
    return picture


def _map(path: Path, size: Size) -> np.ndarray:
    """(H, W, 3) uint8 or uint16 RGB."""
    picture = _sized(path, size)
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ScanError(f"{path.name} has {picture.shape[2] if picture.ndim == 3 else 1} channels; it needs 3")
    return picture


def _sized(path: Path, size: Size) -> np.ndarray:
    picture = _read(path, read_stored)
    if picture.shape[:2] != size:
        height, width = picture.shape[:2]
        raise ScanError(f"{path.name} is {width}x{height} pixels, the image {size[1]}x{size[0]}")
    return picture


def _read(path: Path, read: Callable[[Path], np.ndarray]) -> np.ndarray:
    try:
        return read(path)
    except StoredPictureError as error:
        raise ScanError(f"{path.name} {error.reason}") from error
