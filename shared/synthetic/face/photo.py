"""Photographed skins: only their detail is used, so that one photograph serves any tone of skin."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from shared.synthetic.face.window import FaceWindow
from shared.synthetic.person import srgb_to_linear

STEP = 0.02  # of log albedo, in int8
_PLAIN = (50, 280, 205, 425, 9, 151, 199)  # landmarks on plain skin: cheeks, forehead, chin


def photo_detail(albedo: np.ndarray, window: FaceWindow) -> Tensor:
    """(T, T, 3) sRGB uint8 over the head's texture -> (T, T, 3) int8, log albedo against that of the plain face."""
    table = np.log(np.maximum(srgb_to_linear(np.arange(256) / 255), 0.004)).astype(np.float32)
    logs = table[albedo]
    scale = len(albedo) / window.grid
    places = (window.landmarks_px[list(_PLAIN)] + (window.left, window.top)) * scale
    plain = np.median(np.concatenate([_patch(logs, x, y) for x, y in places]), 0)
    return torch.from_numpy(np.clip(np.round((logs - plain) / STEP), -127, 127).astype(np.int8))


def sample_detail(detail: Tensor, uv: Tensor) -> Tensor:
    """Bilinear samples of (h, w, 3) int8 at (P, 2) -> (P, 3) float32, in units of ``STEP``."""
    height, width = detail.shape[:2]
    place = (uv * uv.new_tensor([width, height]) - 0.5).clamp_min_(0)
    column, row = place.long().unbind(1)
    column, row = column.clamp(max=width - 2), row.clamp(max=height - 2)
    right, down = (place[:, 0] - column)[:, None], (place[:, 1] - row)[:, None]
    rows, first = detail.view(-1, 3), row * width + column
    above = torch.lerp(rows[first].float(), rows[first + 1].float(), right)
    below = torch.lerp(rows[first + width].float(), rows[first + width + 1].float(), right)
    return torch.lerp(above, below, down)


def _patch(logs: np.ndarray, x: float, y: float) -> np.ndarray:
    """(N, 3) around a place."""
    reach = max(len(logs) // 80, 1)
    rows, columns = slice(int(y) - reach, int(y) + reach + 1), slice(int(x) - reach, int(x) + reach + 1)
    return logs[rows, columns].reshape(-1, 3)
