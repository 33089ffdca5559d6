"""The part of the head's texture that holds the face, as a pixel grid that charts and drawings share.

The grid is that of a whole texture of ``grid`` x ``grid`` texels, of which the window is an exact rectangle. So what is
drawn in the window can also be handed out as a texture of the whole head, and both agree texel by texel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.flame.landmark_noise import load_landmark_noise
from shared.flame.landmarks import LEFT_BROW, RIGHT_BROW
from shared.flame.schema import FlameAssets

_LONGER_SIDE = 1024
# Of the landmarks' extent: room for the forehead, the jaw's lower side and the temples.
_ABOVE, _BELOW, _BESIDE = 0.30, 0.16, 0.14
_N_FACE = 468  # landmarks without the irises
_BROWS = (*LEFT_BROW, *RIGHT_BROW)


@dataclass(frozen=True, eq=False)
class FaceWindow:
    """Where the face lies in the head's texture."""

    grid: int  # texels along each side of the whole texture
    left: int  # texels
    top: int
    size: tuple[int, int]  # (height, width) texels
    landmarks_px: np.ndarray  # (468, 2) float32, in texels of the window; brows where real people have them
    landmarks_m: np.ndarray  # (468, 3) float32, on the template, head frame
    texels_per_m: float  # around the eyes and the nose

    @staticmethod
    def of(assets: FlameAssets) -> FaceWindow:
        """The window of a head. ValueError without texture coordinates or MediaPipe's landmarks."""
        if not assets.has_uv:
            raise ValueError(f"head {assets.name!r} has no texture coordinates to paint a face on")
        if "mediapipe" not in assets.landmarks:
            raise ValueError(f"head {assets.name!r} has no 'mediapipe' landmarks, which say where the face's parts are")
        marks = assets.landmarks["mediapipe"]
        corners = assets.uv[assets.uv_faces[marks.face_index]].cpu()
        uv = (corners * marks.barycentric[..., None].cpu()).sum(1)[:_N_FACE].numpy()
        low, high = uv.min(0), uv.max(0)
        extent = high - low
        low = np.maximum(low - extent * (_BESIDE, _ABOVE), 0.0)
        high = np.minimum(high + extent * (_BESIDE, _BELOW), 1.0)
        grid = int(_LONGER_SIDE / (high - low).max())
        left, top = np.floor(low * grid).astype(int)
        right, bottom = np.ceil(high * grid).astype(int)
        px = (uv * grid - (left, top)).astype(np.float32)
        places = marks.positions(assets.v_template, assets.faces)[:_N_FACE].cpu().numpy()
        # Outer eye corners, and the bridge of the nose to its base: the middle of the face, where detail matters.
        pairs = np.array([(33, 263), (168, 2)])
        lengths_px = np.linalg.norm(px[pairs[:, 0]] - px[pairs[:, 1]], axis=1)
        lengths_m = np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1)
        texels_per_m = float(lengths_px.sum() / lengths_m.sum())
        px[list(_BROWS)] += (texels_per_m * _brows_offset_m(assets)).astype(np.float32)
        return FaceWindow(grid, int(left), int(top), (int(bottom - top), int(right - left)), px, places, texels_per_m)

    def texel(self, u: Tensor, v: Tensor) -> Tensor:
        """Texture coordinates (P) and (P) -> (P) int32 texel of the window, row by row, or the nearest of them."""
        height, width = self.size
        column = (u * self.grid).int().sub_(self.left).clamp_(0, width - 1)
        return (v * self.grid).int().sub_(self.top).clamp_(0, height - 1).mul_(width).add_(column)

    def uv(self, places_px: np.ndarray) -> np.ndarray:
        """(..., 2) texels of the window -> texture coordinates, float32."""
        return ((places_px + np.array([self.left, self.top])) / self.grid).astype(np.float32)

    def whole(self, drawing: np.ndarray) -> Tensor:
        """A drawing (h, w) uint8 of the window as a texture (grid, grid) of the whole head, 0 elsewhere."""
        out = torch.zeros(self.grid, self.grid, dtype=torch.uint8)
        height, width = self.size
        out[self.top : self.top + height, self.left : self.left + width] = torch.from_numpy(drawing)
        return out


def _brows_offset_m(assets: FlameAssets) -> np.ndarray:
    """(20, 2) x to the right, y down: from the embedded landmarks of the brows to where real people's are.

    The mesh knows no brows, so what its landmarks call so is a guess; 5 mm too low on the open head. A landmarker that
    was measured on scans knows better. Zero for heads on which none was.
    """
    noise = load_landmark_noise(assets)
    offset = np.zeros((len(_BROWS), 2)) if noise is None else noise.offset_m[list(_BROWS), :2].double().numpy()
    return offset * (1, -1)


def locate(uv: Tensor, triangles: Tensor) -> tuple[Tensor, Tensor]:
    """Which triangle (N) of (F, 3, 2) holds each point (N, 2), or comes nearest to, and its weights there (N, 3)."""
    # Those whose bounding boxes meet that of the points.
    near = ((triangles.amin(1) <= uv.amax(0)) & (triangles.amax(1) >= uv.amin(0))).all(1).nonzero()[:, 0]
    a, b, c = triangles[near].unbind(1)
    ab, ac, ap = b - a, c - a, uv[:, None] - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    area = torch.where(area.abs() < 1e-12, torch.full_like(area, 1e-12), area)
    second = (ap[..., 0] * ac[:, 1] - ap[..., 1] * ac[:, 0]) / area
    third = (ab[:, 0] * ap[..., 1] - ab[:, 1] * ap[..., 0]) / area
    weights = torch.stack([1 - second - third, second, third], 2)
    face = weights.amin(2).argmax(1)
    return near[face], weights[torch.arange(len(uv)), face]
