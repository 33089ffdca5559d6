"""The mesh between MediaPipe's landmarks, and which of them face each other across the face."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from shared.assets import asset_path

_ASSET = "mediapipe_mesh.json"


def mediapipe_triangles() -> Tensor:
    """(898, 3) int64 landmarks 0 to 467, counter-clockwise seen from outside; they close the eyes and the mouth."""
    return torch.tensor(_read()["triangles"])


def mediapipe_mirror() -> Tensor:
    """(478,) int64 the landmark across the symmetry plane, an involution."""
    return torch.tensor(_read()["mirror"])


def _read() -> dict[str, list[int]]:
    return json.loads(asset_path(_ASSET).read_text(encoding="utf-8"))
