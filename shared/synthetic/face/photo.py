"""Photographed skins: only their detail is used, so that one photograph serves any tone of skin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.synthetic.face.textures import SkinTexture
from shared.synthetic.face.window import FaceWindow
from shared.synthetic.scene.colour import srgb_to_linear

STEP = 0.02  # of log albedo, in int8
_OPPOSITE_DEG = 100.0
_PLAIN = (50, 280, 205, 425, 9, 151, 199)  # landmarks on plain skin: cheeks, forehead, chin


@dataclass(frozen=True, eq=False)
class SkinPhoto:
    """Detail of one skin."""

    detail: Tensor  # (T, T, 3) int8, log albedo against that of the plain face, in units of ``STEP``
    tone_deg: float

    @staticmethod
    def of(skin: SkinTexture, window: FaceWindow, device: torch.device) -> SkinPhoto:
        """Take a photographed skin apart, onto a device."""
        table = np.log(np.maximum(srgb_to_linear(np.arange(256) / 255), 0.004)).astype(np.float32)
        logs = table[skin.albedo]
        scale = len(skin.albedo) / window.grid
        places = (window.landmarks_px[list(_PLAIN)] + np.array([window.left, window.top])) * scale
        plain = np.median(np.concatenate([_patch(logs, x, y) for x, y in places]), 0)
        detail = np.ascontiguousarray(np.clip(np.round((logs - plain) / STEP), -127, 127).astype(np.int8))
        return SkinPhoto(torch.from_numpy(detail).to(device), skin.tone_deg)

    def foreign(self, tone_deg: float) -> float:
        """How little the skin's colours suit a person: 0 the same tone, 1 the opposite."""
        return min(abs(self.tone_deg - tone_deg) / _OPPOSITE_DEG, 1.0)


def nearest(photos: Sequence[SkinPhoto], rank: int, tone_deg: float) -> SkinPhoto:
    """One of the half of the photographs nearest in tone; two ranks share each.

    IndexError if there are not that many.
    """
    return sorted(photos, key=lambda photo: photo.foreign(tone_deg))[rank // 2]


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
