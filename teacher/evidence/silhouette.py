"""From predicted parts to where the silhouette passes the rim of the head."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from shared.flame.segmentation import Part
from shared.geometry.crop import Crop
from teacher.evidence.mean_head_view import FirstView
from teacher.evidence.records import ContourEvidence
from teacher.prior.records import PriorMaps

_RIM = 0.15  # cosine to the camera, either way, up to which a vertex of the mean head lies on its rim, at a first pose
_NEAR = 0.05  # of the crop's side: how far the silhouette may be from there
_ALIKE = 0.8  # cosine between the silhouette's normal and the vertex's, in the picture
_SURE = 0.8  # probability of skin on one side and of background on the other
_STEP = 3  # pixels to either side


def silhouette(maps: PriorMaps, view: FirstView, crop: Crop) -> ContourEvidence | None:
    """Where bare skin ends before the background; hair, clothes and what covers the head say nothing of its shape.

    Args:
        maps: without leading dimensions, on the CPU; None is returned for those without parts.
        view: of the mean head's N vertices, in the pixels of the picture.
        crop: from the picture to the maps.
    """
    if maps.part_logits is None:
        return None
    share = torch.softmax(maps.part_logits, 0)
    skin, void = share[Part.SKIN].numpy(), share[Part.BACKGROUND].numpy()
    edge, outward = _edges(skin, void)
    count, side = len(view.pixel_px), skin.shape[0]
    place = crop.apply(view.pixel_px)
    if not edge.any():
        nothing = torch.zeros(count, dtype=torch.bool)
        return ContourEvidence(view.pixel_px, torch.zeros(count, 2) + torch.tensor([1.0, 0.0]), nothing)
    distance, label = cv2.distanceTransformWithLabels(
        (~edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = edge.nonzero()
    owner = np.zeros(len(rows) + 1, np.int64)
    label = label.astype(np.int64)
    owner[label[rows, columns]] = np.arange(len(rows))
    column, row = place.floor().long().clamp(0, side - 1).unbind(-1)
    nearest = torch.from_numpy(owner[label[row, column]])
    line = torch.from_numpy(np.stack([columns, rows], 1).astype(np.float32))[nearest] + 0.5
    direction = torch.from_numpy(outward[rows, columns])[nearest]
    inside = ((place > 0) & (place < side)).all(-1)
    near = torch.from_numpy(distance)[row, column] < _NEAR * side
    alike = (direction * view.outward).sum(-1) > _ALIKE
    return ContourEvidence(
        crop.invert(line), direction, view.visible & (view.towards.abs() < _RIM) & inside & near & alike
    )


def _edges(skin: np.ndarray, void: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) bool where skin meets background, and (H, W, 2) the unit direction from one to the other."""
    soft = cv2.GaussianBlur(void - skin, (0, 0), 1.0)
    slope = np.stack([cv2.Scharr(soft, cv2.CV_32F, 1, 0), cv2.Scharr(soft, cv2.CV_32F, 0, 1)], -1)
    outward = slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-6)
    height, width = skin.shape
    row, column = np.mgrid[:height, :width].astype(np.float32)
    out = cv2.remap(void, column + _STEP * outward[..., 0], row + _STEP * outward[..., 1], cv2.INTER_LINEAR)
    within = cv2.remap(skin, column - _STEP * outward[..., 0], row - _STEP * outward[..., 1], cv2.INTER_LINEAR)
    turn = (soft > 0) & (cv2.erode(soft, np.ones((3, 3), np.uint8)) <= 0)  # the first pixel outside
    return turn & (out > _SURE) & (within > _SURE), outward.astype(np.float32)
