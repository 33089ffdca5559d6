"""Square crops with an exact inverse."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.records.tensor_record import TensorRecord


@dataclass(frozen=True)
class Crop(TensorRecord):
    """A scale and a shift from image pixels to crop pixels: ``x_crop = affine @ (x_image, 1)``."""

    affine: Tensor  # (..., 2, 3), axis-aligned
    size: tuple[int, int]  # (height, width) of the crop in pixels

    @staticmethod
    def whole(size: tuple[int, int], like: Tensor) -> Crop:
        """Pictures of ``size`` (height, width) as crops of themselves, one for each of ``like`` (..., D)."""
        affine = torch.eye(3, dtype=like.dtype, device=like.device)[:2]
        return Crop(affine.expand(*like.shape[:-1], 2, 3), size)

    @staticmethod
    def square(center_px: Tensor, side_px: Tensor, crop_size: int) -> Crop:
        """The square of ``side_px`` (...) around ``center_px`` (..., 2), resized; it may leave the image."""
        scale = crop_size / side_px
        shift = crop_size / 2 - center_px * scale[..., None]
        zero = torch.zeros_like(scale)
        rows = [torch.stack([scale, zero, shift[..., 0]], -1), torch.stack([zero, scale, shift[..., 1]], -1)]
        return Crop(torch.stack(rows, -2), (crop_size, crop_size))

    @staticmethod
    def around(points_px: Tensor, crop_size: int, margin: float) -> Crop:
        """The square around the bounding box of points (..., N, 2), its longer side times ``margin``."""
        low, high = points_px.amin(-2), points_px.amax(-2)
        return Crop.square((low + high) / 2, (high - low).amax(-1) * margin, crop_size)

    def apply(self, points_px: Tensor) -> Tensor:
        """Image pixels (..., N, 2) -> crop pixels."""
        return points_px @ self.affine[..., :2].transpose(-1, -2) + self.affine[..., None, :, 2]

    def inverse_affine(self) -> Tensor:
        """(..., 2, 3) map from crop pixels to image pixels."""
        scale = torch.diagonal(self.affine[..., :2], dim1=-2, dim2=-1)
        return torch.cat([torch.diag_embed(1 / scale), (-self.affine[..., 2] / scale)[..., None]], -1)

    def invert(self, points_px: Tensor) -> Tensor:
        """Crop pixels (..., N, 2) -> image pixels, the exact inverse of `apply`."""
        scale = torch.diagonal(self.affine[..., :2], dim1=-2, dim2=-1)
        return (points_px - self.affine[..., None, :, 2]) / scale[..., None, :]

    def sample(self, image: np.ndarray) -> np.ndarray:
        """Cut the crop from one image (H, W) or (H, W, C), any dtype that OpenCV takes; black outside the image.

        Shrinking averages over the source pixels (area filter), enlarging is bilinear. Not batched.
        """
        if self.affine.ndim != 2:
            raise ValueError(
                f"sample takes one crop; this record holds {tuple(self.affine.shape[:-2])}: index it first"
            )
        return sample_affine(image, self.inverse_affine().detach().cpu().double().numpy(), self.size)


def sample_affine(image: np.ndarray, inverse: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Any similarity of one image (H, W) or (H, W, C), of a dtype that OpenCV takes; black outside the image.

    ``inverse`` (2, 3) leads from pixels of the result, of ``size`` (height, width), to pixels of the image. Shrinking
    averages over the source pixels (area filter), enlarging is bilinear.
    """
    height, width = size
    factor = int(np.floor(np.hypot(*inverse[:, 0])))
    reduced = image
    if factor > 1:  # so far that the rest is a bilinear step of less than two source pixels
        rows, columns = (max(1, round(side / factor)) for side in image.shape[:2])
        reduced = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
        inverse = inverse * np.array([[columns / image.shape[1]], [rows / image.shape[0]]])
    sampled = cv2.warpAffine(
        reduced,
        between_centres(inverse),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return sampled.reshape(height, width, *image.shape[2:])  # OpenCV drops a single channel


def between_centres(affine: np.ndarray) -> np.ndarray:
    """A map of our pixels (2, 3) as OpenCV takes it, which puts pixel centres at integers; ours are at +0.5."""
    shifted = affine.copy()
    shifted[:, 2] += affine[:, :2].sum(1) * 0.5 - 0.5
    return shifted
