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


def sample_detail(detail: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Bilinear samples of (h, w, 3) int8 at (P) and (P) -> (3, P) float32, in units of ``STEP``."""
    height, width = detail.shape[:2]
    x, y = (u * width - 0.5).clamp_(0, width - 1.001), (v * height - 0.5).clamp_(0, height - 1.001)
    column, row = x.int(), y.int()
    right, down = (x - column)[:, None], (y - row)[:, None]
    texels, first = detail.view(-1, 3), row * width + column
    corners = [texels.index_select(0, first + step).float() for step in (0, 1, width, width + 1)]
    above, below = torch.lerp(corners[0], corners[1], right), torch.lerp(corners[2], corners[3], right)
    return torch.lerp(above, below, down).T


def _patch(logs: np.ndarray, x: float, y: float) -> np.ndarray:
    """(N, 3) around a place."""
    reach = max(len(logs) // 80, 1)
    rows, columns = slice(int(y) - reach, int(y) + reach + 1), slice(int(x) - reach, int(x) + reach + 1)
    return logs[rows, columns].reshape(-1, 3)
