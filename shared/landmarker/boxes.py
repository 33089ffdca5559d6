"""Boxes of faces as the detectors give them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SUPPRESSION_IOU = 0.3  # detections that overlap more are one face


@dataclass(frozen=True, eq=False)
class Detections:
    """Faces in one crop, the best first; coordinates in the crop's [0, 1] x [0, 1]."""

    boxes: np.ndarray  # (F, 4) float64: x0 y0 x1 y1
    axes: np.ndarray  # (F, 2, 2) float64: two points, from the first to the second the face's own x
    scores: np.ndarray  # (F,) float64, 0 to 1

    @staticmethod
    def merged(boxes: np.ndarray, axes: np.ndarray, scores: np.ndarray) -> Detections:
        """Weighted non-maximum suppression: those that overlap the best one become their mean, weighted by score."""
        order, found = np.argsort(-scores, kind="stable"), []
        while len(order):
            overlapping = ious(boxes[order[0]], boxes[order]) > SUPPRESSION_IOU
            overlapping[0] = True  # a box without area overlaps nothing, not even itself
            group = order[overlapping]
            weights = scores[group] / scores[group].sum()
            found.append((weights @ boxes[group], np.tensordot(weights, axes[group], 1), scores[order[0]]))
            order = order[~overlapping]
        if not found:
            return Detections(np.zeros((0, 4)), np.zeros((0, 2, 2)), np.zeros(0))
        return Detections(*(np.stack(column) for column in zip(*found, strict=True)))


def ious(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box (4,), x0 y0 x1 y1, with others (F, 4)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=1)
    total = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - shared
    return np.divide(shared, total, out=np.zeros_like(shared), where=total > 0)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two boxes (4,), x0 y0 x1 y1."""
    return float(ious(np.asarray(first, np.float64), np.asarray(second, np.float64)[None])[0])
