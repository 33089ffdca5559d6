"""Which of MediaPipe's landmarks a head knows, and where they are on it."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.flame.landmarks import N_MEDIAPIPE, OUTER_EYE_CORNERS
from shared.flame.schema import FlameAssets, LandmarkEmbedding


def mediapipe_embedding(assets: FlameAssets) -> tuple[Tensor, LandmarkEmbedding]:
    """Which of MediaPipe's 478 points the head knows (P,), and where they are. ValueError if it knows none.

    FLAME's own files know 105 of them, without irises and silhouette.
    """
    for name in ("mediapipe", "mediapipe105"):
        embedding = assets.landmarks.get(name)
        if embedding is not None:
            known = torch.arange(N_MEDIAPIPE) if embedding.index is None else embedding.index
            _require_corners(assets.name, known)
            return known, embedding
    raise ValueError(
        f"head {assets.name!r} has no MediaPipe landmarks (it has: {', '.join(assets.landmarks) or 'none'}); "
        "put mediapipe_landmark_embedding.npz ('MediaPipe Landmark Embedding' on FLAME's download page) beside the "
        "model file"
    )


def _require_corners(head: str, known: Tensor) -> None:
    """The outer eye corners are the unit of every error."""
    for corner in OUTER_EYE_CORNERS:
        if int((known == corner).sum()) != 1:
            raise ValueError(f"the landmark embedding of head {head!r} lacks MediaPipe's point {corner}, an eye corner")
