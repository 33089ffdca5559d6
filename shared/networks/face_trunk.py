"""The trunk of the face landmark network (`shared.landmarker`) as a torch encoder, with the weights it ships with.

It has learned real faces from far more pictures than we can render: a start that no ImageNet encoder gives. At 256 px
its 0.3 M weights take 110 million multiplications.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from shared.assets import asset_path

NAME = "face_landmarks"  # among encoders, and of the asset
STRIDES = (2, 4, 8, 16, 32, 64, 128)
_CHANNELS = (16, 32, 64, 128, 128, 128, 128)
_HIDDEN = (16, 16, 32, 64, 64, 64, 64)  # inside a block
_BLOCKS = (4, 5, 5, 5, 5, 5, 5)


class FaceTrunk(nn.Module):
    """Features at strides 2 to 128 of pictures (B, 3, H, W) in [0, 1], RGB; 128 should divide H and W.

    Args:
        levels: so many strides, from the finest.
    """

    def __init__(self, levels: int = len(STRIDES)) -> None:
        super().__init__()
        self.stem, self.stem_act = nn.Conv2d(3, _CHANNELS[0], 3, 2), nn.PReLU(_CHANNELS[0])
        stages = [_stage(_CHANNELS[0], _CHANNELS[0], _HIDDEN[0], _BLOCKS[0], down=False)]
        for level, (before, channels) in enumerate(pairwise(_CHANNELS[:levels]), 1):
            stages.append(_stage(before, channels, _HIDDEN[level], _BLOCKS[level], down=True))
        self.stages = nn.ModuleList(stages)

    @property
    def feature_info(self) -> FaceTrunk:
        """As timm's encoders have it."""
        return self

    def reduction(self) -> list[int]:
        """Strides of the features."""
        return list(STRIDES[: len(self.stages)])

    def channels(self) -> list[int]:
        """Of the features."""
        return list(_CHANNELS[: len(self.stages)])

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, C, H / s, W / s) for each stride s."""
        x = self.stem_act(self.stem(functional.pad(image, (0, 1, 0, 1))))
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features

    def load_asset(self) -> FaceTrunk:
        """Itself, with the weights of the asset."""
        graph = onnx.load(asset_path(f"{NAME}.onnx")).graph
        stored = [numpy_helper.to_array(one) for one in graph.initializer]
        # The others are the graph's own constants, and the depthwise layers' biases, which are zero.
        weights = (one for one in stored if one.dtype == np.float16 and one.any())
        with torch.no_grad():
            for parameter, value in zip(_in_order(self), weights, strict=False):
                parameter.copy_(torch.from_numpy(value.astype(np.float32)).reshape(parameter.shape))
        return self


class _Block(nn.Module):
    """To half the channels, a depthwise 3x3, back, and the input added: max-pooled and filled up with zeros."""

    def __init__(self, before: int, channels: int, hidden: int, down: bool) -> None:
        super().__init__()
        side = 2 if down else 1
        self.down, self.more = down, channels - before
        self.reduce, self.reduce_act = nn.Conv2d(before, hidden, side, side), nn.PReLU(hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden, bias=False)
        self.expand, self.expand_act = nn.Conv2d(hidden, channels, 1), nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        inside = self.expand(self.depthwise(self.reduce_act(self.reduce(x))))
        kept = functional.max_pool2d(x, 2) if self.down else x
        return self.expand_act(inside + functional.pad(kept, (0, 0, 0, 0, 0, self.more)))


def _stage(before: int, channels: int, hidden: int, blocks: int, down: bool) -> nn.Sequential:
    first = _Block(before, channels, hidden, down)
    return nn.Sequential(first, *(_Block(channels, channels, hidden, False) for _ in range(blocks - 1)))


def _in_order(trunk: FaceTrunk) -> Iterator[nn.Parameter]:
    """Parameters in the order of the asset's constants, which is that of execution."""
    for module in trunk.modules():
        if isinstance(module, (nn.Conv2d, nn.PReLU)):
            yield from module.parameters(recurse=False)
