"""Small pictures of fits for the report: the photo beside the fitted head on the photo."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from shared.files import write_bytes
from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.render.overlay import overlay
from teacher.tools import FittedFace

PREVIEW_SIZE = 256  # pixels, height and half the width
JPEG_QUALITY = 85


def write_preview(path: Path, fitted: FittedFace, model: FlameModel) -> Path:
    """Write the preview of one face as JPEG; equal fits give equal bytes."""
    buffer = io.BytesIO()
    Image.fromarray(draw_preview(fitted, model)).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return write_bytes(path, buffer.getvalue())


def draw_preview(fitted: FittedFace, model: FlameModel, size: int = PREVIEW_SIZE) -> np.ndarray:
    """(size, 2 size, 3) uint8 RGB: the crop, and the crop with the head; twice the crop where there is no head."""
    crop = cv2.resize(fitted.face.crop_image, (size, size), interpolation=cv2.INTER_AREA)
    drawn = crop
    if fitted.result is not None and fitted.verts_m is not None and bool(torch.isfinite(fitted.verts_m).all()):
        camera = scaled(fitted.result.camera, size)
        drawn = overlay(crop, fitted.verts_m, model.assets.faces, camera, model.assets)
    return np.concatenate([crop, drawn], 1)


def scaled(camera: Camera, size: int) -> Camera:
    """A square camera for another resolution."""
    scale = size / camera.size[0]
    return replace(camera, focal_px=camera.focal_px * scale, center_px=camera.center_px * scale, size=(size, size))
