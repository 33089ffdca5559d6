"""Pictures and maps that are read as they were stored: 8 or 16 bits, no turning by EXIF, no colour management."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


class StoredPictureError(Exception):
    """A file that is gone or cannot be decoded; ``reason`` continues a sentence that begins with its name."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} {reason}")


def read_stored(path: Path) -> np.ndarray:
    """(H, W) or (H, W, 3) RGB, uint8 or uint16, as the file has it. StoredPictureError if it cannot be read."""
    return _decode(path, cv2.IMREAD_UNCHANGED)


def read_stored_photo(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, whatever the file's depth and channels. StoredPictureError if it cannot be read."""
    return _decode(path, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def _decode(path: Path, flags: int) -> np.ndarray:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise StoredPictureError(path, f"cannot be read ({error.strerror})") from error
    picture = cv2.imdecode(data, flags) if len(data) else None
    if picture is None:
        raise StoredPictureError(path, "is damaged")
    is_bgr = picture.ndim == 3 and picture.shape[2] == 3
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) if is_bgr else picture
