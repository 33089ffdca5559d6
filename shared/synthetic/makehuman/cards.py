"""Textured sheets of hair: how see-through they are, which way the strands run, what the texture adds to the colour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.records.tensor_record import TensorRecord
from shared.synthetic.hair.material import ROUGHNESS, SPECULAR, sample_wrapped
from shared.synthetic.makehuman.files import read_image
from shared.synthetic.scene.colour import srgb_to_linear
from shared.synthetic.scene.scene import Hits, Shading

LARGEST_PX = 512
_STRAND_SIGMA_PX = 6.0  # neighbourhood in which strands run one way
_TONE = (0.35, 2.2)  # lighting painted in the texture is kept within this
_TONE_GAIN = 0.75


@dataclass(frozen=True, eq=False)
class Picture(TensorRecord):
    """What a sheet shows, over its texture coordinates."""

    cover: Tensor  # (h, w) uint8 opacity
    albedo: Tensor  # (3, h, w) linear
    tone: Tensor  # (h, w) brightness over the mean of what is opaque
    structure: Tensor  # (h, w, 3) structure tensor xx, yy, xy of the brightness: strands run where it changes least

    @property
    def mean_rgb(self) -> tuple[float, float, float]:
        """Linear colour of what is opaque, on average."""
        opaque = self.cover > 127
        red, green, blue = self.albedo[:, opaque if opaque.any() else ~opaque].mean(1).tolist()
        return red, green, blue

    def opaque_at(self, faces: np.ndarray, uv: np.ndarray) -> Tensor:
        """(V,) bool: vertices of faces (F, 3) at all of whose texture coordinates (F, 3, 2) it is opaque."""
        height, width = self.cover.shape
        x, y = (np.floor(uv * [width, height]).astype(np.int64) % [width, height]).reshape(-1, 2).T
        opaque = np.ones(faces.max() + 1, bool)
        np.logical_and.at(opaque, faces.reshape(-1), self.cover.numpy()[y, x] > 127)
        return torch.from_numpy(opaque)

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
            albedo=torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1), np.float32)),
            tone=torch.from_numpy(tone.astype(np.float32)),
            structure=torch.from_numpy(_strands(light, cover)),
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
    """(h, w, 3) structure tensor xx, yy, xy of the brightness, smoothed; strands run where it changes least."""
    # Only well inside: at the rim of what is opaque the brightness says nothing.
    inside = cv2.erode((cover > 127).astype(np.float32), np.ones((5, 5)))
    shown = np.log(np.maximum(light, 1e-3)).astype(np.float32)
    x, y = (cv2.Sobel(shown, cv2.CV_32F, *order) * inside for order in ((1, 0), (0, 1)))
    return cv2.GaussianBlur(np.stack([x * x, y * y, x * y], -1), (0, 0), _STRAND_SIGMA_PX)


@dataclass(frozen=True, eq=False)
class PictureMaterial:
    """A `scene.Material` of strands in the colours of a picture."""

    albedo: Tensor  # (3, h, w) linear
    strand: Tensor  # (V, 3) world direction along the hair

    def __call__(self, hits: Hits) -> Shading:
        """Shade the places; ValueError if the surface has no texture coordinates."""
        strand = torch.nn.functional.normalize(hits.at_vertices(self.strand), dim=1)
        albedo = torch.stack([sample_wrapped(channel, hits.uv) for channel in self.albedo], 1)
        return Shading(albedo, SPECULAR, ROUGHNESS, strand=strand)
