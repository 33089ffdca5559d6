"""Small pictures of fits for the report: the photo beside the fitted head on the photo."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from shared.flame.model import FlameModel
from shared.images.encode import write_jpeg
from shared.render.overlay import overlay
from teacher.tools import FittedFace

PREVIEW_SIZE = 256  # pixels, height and half the width
JPEG_QUALITY = 85


def write_preview(path: Path, fitted: FittedFace, model: FlameModel) -> Path:
    """Write the preview of one face as JPEG; equal fits give equal bytes."""
    return write_jpeg(path, draw_preview(fitted, model), JPEG_QUALITY)


def draw_preview(fitted: FittedFace, model: FlameModel, size: int = PREVIEW_SIZE) -> np.ndarray:
    """(size, 2 size, 3) uint8 RGB: the crop, and the crop with the head; twice the crop where there is no head."""
    crop = cv2.resize(fitted.face.crop_image, (size, size), interpolation=cv2.INTER_AREA)
    drawn = crop
    if fitted.result is not None and fitted.verts_m is not None and bool(torch.isfinite(fitted.verts_m).all()):
        camera = fitted.result.camera.resized((size, size))
        drawn = overlay(crop, fitted.verts_m, model.assets.faces, camera, model.assets)
    return np.concatenate([crop, drawn], 1)
