"""ArcFace's network: a residual network that turns an aligned face into 512 numbers of who it is.

"Improved" residual blocks of Deng et al., "ArcFace" (2019), section 3.1. Layers carry the names of the public weight
files, which is what they are read by.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from shared.geometry.crop import sample_affine

SIZE = 112  # side of the aligned face in pixels
# Eyes, tip of the nose, corners of the mouth of the aligned face, its left first; pixels with centres at whole numbers.
_PLACES = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
_POINTS = ((33, 133), (263, 362), (1,), (61,), (291,))  # the same by MediaPipe's landmarks: an eye is amid its corners


class Block(nn.Module):
    """Norm, convolution, norm, activation, convolution with the stride, norm; and the input added."""

    def __init__(self, channels: int, onward: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, onward, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(onward)
        self.prelu = nn.PReLU(onward)
        self.conv2 = nn.Conv2d(onward, onward, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(onward)
        shrinks = stride > 1 or channels != onward
        shrink = nn.Sequential(nn.Conv2d(channels, onward, 1, stride, bias=False), nn.BatchNorm2d(onward))
        self.downsample = shrink if shrinks else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W)."""
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(y)) + (x if self.downsample is None else self.downsample(x))


class ArcFace(nn.Module):
    """``widths`` of the stem and the four stages (5), ``depths`` of the stages (4); (3, 4, 14, 3) is iresnet50."""

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, widths: Sequence[int], depths: Sequence[int], n_features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.prelu = nn.PReLU(widths[0])
        for stage, depth in enumerate(depths, start=1):
            before, width = widths[stage - 1 : stage + 1]
            blocks = [
                Block(before if number == 0 else width, width, 2 if number == 0 else 1) for number in range(depth)
            ]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.bn2 = nn.BatchNorm2d(widths[-1])
        self.fc = nn.Linear(widths[-1] * (SIZE // 2 ** len(depths)) ** 2, n_features)
        self.features = nn.BatchNorm1d(n_features)

    def forward(self, faces: Tensor) -> Tensor:
        """Aligned faces (B, 3, 112, 112), RGB in [0, 1] -> (B, F) of unit length."""
        x = self.prelu(self.bn1(self.conv1(2 * faces - 1)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return nn.functional.normalize(self.features(self.fc(self.bn2(x).flatten(1))), dim=1)


def align(image: np.ndarray, landmarks_px: Tensor) -> Tensor:
    """The face of a picture as ArcFace takes it.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) MediaPipe's, in its pixels.

    Returns:
        (3, 112, 112) float32 in [0, 1]. Scale, rotation and shift bring the five points nearest to their places.
    """
    marks = landmarks_px.double().cpu().numpy()
    found = np.stack([marks[list(rows)].mean(0) for rows in _POINTS]) @ np.array([1, 1j])
    places = (_PLACES + 0.5) @ np.array([1, 1j])
    off = places - places.mean()
    turn = (off.conj() @ (found - found.mean())) / (off.conj() @ off).real  # least squares; a similarity is a product
    shift = found.mean() - turn * places.mean()
    inverse = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return torch.from_numpy(sample_affine(image, inverse, (SIZE, SIZE))).permute(2, 0, 1).float() / 255
