"""Textured sheets of hair: how see-through they are, which way the strands run, what the texture adds to the colour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.records import TensorRecord
from shared.synthetic.makehuman.files import read_image
from shared.synthetic.person import srgb_to_linear
from shared.synthetic.scene import Hits, Shading

LARGEST_PX = 512
_STRAND_SIGMA_PX = 6.0  # neighbourhood in which strands run one way
_TONE = (0.35, 2.2)  # lighting painted in the texture is kept within this
_TONE_GAIN = 0.75


@dataclass(frozen=True, eq=False)
class Picture(TensorRecord):
    """What a sheet shows, over its texture coordinates."""

    cover: Tensor  # (h, w) uint8 opacity
    albedo: Tensor  # (h, w, 3) linear
    tone: Tensor  # (h, w) brightness over the mean of what is opaque
    strand: Tensor  # (h, w, 2) unit direction of the strands in pixels, right and down, sign arbitrary

    @staticmethod
    def read(path: Path) -> Picture:
        """Read and reduce a texture. AssetError if it can't be decoded."""
        image = read_image(path)
        opacity = image[..., 3] if image.shape[2] == 4 else np.full(image.shape[:2], 255, np.uint8)
        height, width = image.shape[:2]
        scale = min(1.0, LARGEST_PX / max(height, width))
        size = (round(width * scale), round(height * scale))
        colour = srgb_to_linear(image[..., :3].astype(np.float32) / 255)
        # Weighted by opacity, so that what colour hides under see-through texels doesn't bleed in.
        weight = np.maximum(opacity, 1)[..., None] / np.float32(255)
        small = cv2.resize(colour * weight, size, interpolation=cv2.INTER_AREA)
        small /= cv2.resize(weight, size, interpolation=cv2.INTER_AREA)[..., None]
        cover = _sharpened(opacity, size)
        light = small.mean(-1)
        mean = max(float(light[cover > 127].mean()), 1e-4) if (cover > 127).any() else 1.0
        tone = np.clip((light / mean) ** _TONE_GAIN, *_TONE)
        return Picture(
            cover=torch.from_numpy(cover),
            albedo=torch.from_numpy(small.astype(np.float32)),
            tone=torch.from_numpy(tone.astype(np.float32)),
            strand=torch.from_numpy(_strands(light, cover)),
        )


def _sharpened(opacity: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Opacity at another size, its contrast raised until as much is more than half opaque as before.

    Castano, "Computing Alpha Mipmaps" (2010).
    """
    share = float((opacity > 127).mean())
    small = cv2.resize(opacity, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if not 0 < share < 1:
        return (255 * small).round().astype(np.uint8)
    half = float(np.clip(np.quantile(small, 1 - share), 0.05, 0.95))
    return (255 * np.clip((small - half) * 1.3 + 0.5, 0, 1)).round().astype(np.uint8)


def _strands(light: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """(h, w, 2) direction across which brightness changes least, from the smoothed structure tensor."""
    shown = np.log(np.maximum(light, 1e-3)) * (cover / 255)
    x, y = (cv2.Sobel(shown.astype(np.float32), cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    xx, yy, xy = (cv2.GaussianBlur(product, (0, 0), _STRAND_SIGMA_PX) for product in (x * x, y * y, x * y))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    return np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class StrandField(TensorRecord):
    """The strands' direction at the vertices of a sheet, as a combination of its edges."""

    faces: Tensor  # (F, 3) int64
    along: Tensor  # (F, 2) how much of a face's first and last edge, by length, one step along the strands takes

    @staticmethod
    def of(faces: np.ndarray, uv: np.ndarray, strand: Tensor) -> StrandField:
        """From faces (F, 3), their texture coordinates (F, 3, 2) and ``Picture.strand``."""
        height, width = strand.shape[:2]
        pixels = uv * np.array([width, height], np.float32)
        centre = np.floor(pixels.mean(1)).astype(np.int64)
        step = strand.numpy()[centre[:, 1] % height, centre[:, 0] % width]
        a, b = pixels[:, 1] - pixels[:, 0], pixels[:, 2] - pixels[:, 0]
        area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        area = np.where(np.abs(area) < 1e-6, 1e-6, area)
        along = np.stack([step[:, 0] * b[:, 1] - step[:, 1] * b[:, 0], a[:, 0] * step[:, 1] - a[:, 1] * step[:, 0]], 1)
        return StrandField(torch.from_numpy(faces), torch.from_numpy((along / area[:, None]).astype(np.float32)))

    def directions(self, verts_m: Tensor, whorl_m: Tensor) -> Tensor:
        """(V, 3) unit directions on a sheet (V, 3), all pointing away from ``whorl_m`` (3,)."""
        corners = verts_m[self.faces]
        a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        strand = torch.nn.functional.normalize(a * self.along[:, :1] + b * self.along[:, 1:], dim=1)
        away = (strand * (corners.mean(1) - whorl_m)).sum(1, keepdim=True)
        strand = torch.where(away < 0, -strand, strand)
        total = torch.zeros_like(verts_m)
        for corner in range(3):
            total = total.index_add(0, self.faces[:, corner], strand)
        return torch.nn.functional.normalize(total, dim=1)


@dataclass(frozen=True, eq=False)
class PictureMaterial:
    """A `scene.Material` that shows a picture in its own colours."""

    albedo: Tensor  # (h, w, 3) linear
    gain: float = 1.0
    specular: float = 0.04
    roughness: float = 0.25
    strand: Tensor | None = None  # (V, 3) world, where it shows hair

    def __call__(self, hits: Hits) -> Shading:
        """Shade the places; ValueError if the surface has no texture coordinates."""
        albedo = (sample_colour(self.albedo, hits.uv) * self.gain).clamp(0, 1)
        strand = None
        if self.strand is not None:
            strand = torch.nn.functional.normalize(hits.at_vertices(self.strand), dim=1)
        return Shading(albedo, self.specular, self.roughness, strand=strand)


def sample_colour(texture: Tensor, uv: Tensor) -> Tensor:
    """Bilinear values (P, C) of a texture (h, w, C) that repeats, at uv (P, 2) with the origin at the top left."""
    height, width = texture.shape[:2]
    x, y = uv[:, 0] * width - 0.5, uv[:, 1] * height - 0.5
    left, top = x.floor(), y.floor()
    x, y = (x - left)[:, None], (y - top)[:, None]
    column, row = left.long() % width, top.long() % height
    right, below = (column + 1) % width, (row + 1) % height * width
    row = row * width
    flat = texture.reshape(-1, texture.shape[2])
    upper = torch.lerp(flat[row + column], flat[row + right], x)
    lower = torch.lerp(flat[below + column], flat[below + right], x)
    return torch.lerp(upper, lower, y)
