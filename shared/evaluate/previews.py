"""What the report shows of one picture: its face, and what the method made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.heat_maps import over, paint_points
from shared.evaluate.protocol import Reconstruction
from shared.evaluate.score import PictureScore
from shared.evaluate.truth_set import INNER, BenchmarkItem
from shared.geometry.crop import Crop
from shared.images.encode import write_jpeg
from shared.render.overlay import draw_points, overlay

_SIDE, _MARGIN = 256, 1.5  # pixels of a panel, and over the longer side of the landmarks
_QUALITY = 85
_FOUND, _REFERENCE = (255, 210, 60), (70, 220, 255)


def write_truth_preview(
    path: Path, item: BenchmarkItem, found: Reconstruction | None, score: PictureScore | None
) -> Path:
    """Face; the mesh (checked), moved onto the truth; posed errors at the true points.

    The face alone without a score; the picture alone where it is not known how the truth lies in it.
    """
    if item.camera is None or not item.placed:
        height, width = item.image.shape[:2]
        whole = Crop.around(torch.tensor([[0.0, 0.0], [float(width), float(height)]]), _SIDE, 1.0)
        return write_jpeg(path, whole.sample(item.image), _QUALITY)
    true = item.truth.posed
    crop = Crop.around(item.camera.project(true.points_m.float()), _SIDE, _MARGIN)
    face = crop.sample(item.image)
    panels = [face]
    if found is not None and score is not None:
        camera = item.camera.warped(crop.affine, crop.size)
        mesh = score.posed.by_landmarks.alignment.apply(found.posed.verts_m).float()
        errors = score.posed.by_landmarks.distance_mm
        heat = paint_points(true.points_m.float(), true.normals.float(), errors.float(), camera)
        panels += [overlay(face, mesh, found.posed.faces, camera), over(face, heat)]
    return write_jpeg(path, np.concatenate(panels, 1), _QUALITY)


def write_photo_preview(path: Path, image: np.ndarray, found_px: Tensor | None, reference_px: Tensor | None) -> Path:
    """Face; the method's inner landmarks in yellow over those of MediaPipe in blue. Nothing where neither found one."""
    both = ((reference_px, _REFERENCE), (found_px, _FOUND))
    drawn = [(points, colour) for points, colour in both if points is not None]
    if not drawn:
        return path
    crop = Crop.around(drawn[0][0].float(), _SIDE, _MARGIN)
    face = marked = crop.sample(image)
    for points, colour in drawn:
        marked = draw_points(marked, crop.apply(points.float())[list(INNER)].numpy(), colour, 1.0)
    return write_jpeg(path, np.concatenate([face, marked], 1), _QUALITY)
