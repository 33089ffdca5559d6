"""Pictures to disk: equal pictures give equal bytes."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from shared.images.exif import exif_of_focal
from shared.runs.files import write_bytes

_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # smooth maps gain nothing from more


def write_png(path: Path, image: np.ndarray) -> Path:
    """Write (H, W) or (H, W, 3) RGB of uint8 or uint16. StorageError if the file cannot be written."""
    bgr = image[..., ::-1] if image.ndim == 3 else image
    done, data = cv2.imencode(".png", np.ascontiguousarray(bgr), _PNG)
    if not done:
        raise ValueError(f"a PNG cannot hold {image.shape} of {image.dtype}")
    return write_bytes(path, data.tobytes())


def write_jpeg(path: Path, image: np.ndarray, quality: int = 95, focal_px: float | None = None) -> Path:
    """Write (H, W, 3) uint8 RGB, with the focal length in EXIF where given. StorageError if it cannot be written."""
    buffer = io.BytesIO()
    metadata = {} if focal_px is None else {"exif": exif_of_focal(focal_px)}
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, **metadata)
    return write_bytes(path, buffer.getvalue())
