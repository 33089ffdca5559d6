"""Small pictures of fits for the report: the photo beside the fitted head on the photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from shared.flame.model import FlameModel
from shared.images.encode import write_jpeg
from shared.render.overlay import overlay
from teacher.dataset.entries import Entry
from teacher.pipeline.records import FitOutcome, FittedFace

PREVIEW_SIZE = 256  # pixels, height and half the width
JPEG_QUALITY = 85


def write_previews(
    entries: Sequence[Entry], first: int, outcomes: Sequence[FitOutcome], folder: Path, model: FlameModel
) -> None:
    """Previews of the faces of one batch, numbered as the entries from ``first``; these learn their names."""
    faces = {one.face.id: one for one in outcomes}
    for number, entry in enumerate(entries, first):
        if entry["id"] in faces:
            name = f"{number:06d}.jpg"
            write_preview(folder / name, faces[entry["id"]], model)
            entry["preview"] = f"{folder.parent.name}/{folder.name}/{name}"


def write_preview(path: Path, outcome: FitOutcome, model: FlameModel) -> Path:
    """Write the preview of one face as JPEG; equal fits give equal bytes."""
    return write_jpeg(path, draw_preview(outcome, model), JPEG_QUALITY)


def draw_preview(outcome: FitOutcome, model: FlameModel, size: int = PREVIEW_SIZE) -> np.ndarray:
    """(size, 2 size, 3) uint8 RGB: the crop, and the crop with the head; twice the crop where there is no head."""
    crop = cv2.resize(outcome.face.crop_image, (size, size), interpolation=cv2.INTER_AREA)
    drawn = crop
    if isinstance(outcome, FittedFace) and outcome.is_finite:
        camera = outcome.result.camera.resized((size, size))
        drawn = overlay(crop, outcome.verts_m, model.assets.faces, camera, model.assets)
    return np.concatenate([crop, drawn], 1)
