"""The network for a laptop: a small encoder, a light decoder, and from them normals, UV, parts and points at once.

MediaPipe's landmarks, where they are known, come in as coarse maps of UV and normals, beside the picture and again
before the last layers, whose output is added to them; and as points, for the inverse map.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.flame.schema import FlameAssets
from shared.networks.backbones import create_backbone, input_statistics, pretrained_backbone
from teacher.config import CompactConfig
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.networks.points_head import PointLayout, PointsHead
from teacher.prior.records import LANDMARK_CHANNELS, N_PARTS, Frame, PriorInput, PriorMaps, PriorPrediction

_MAPS = {"normal": 3, "normal_log_var": 1, "uv": 2, "uv_log_var": 1, "part_logits": N_PARTS}
_STRIDES = (32, 16, 8, 4, 2)
_LOG_VAR = (-14.0, 2.0)
_UV_STEP = 0.2  # for an output of 1
_RIDGE = 1e-3  # pixels' worth


class CompactPrior(PriorNetwork):
    """See the module. ``layout`` is of the head's points, None to predict none."""

    sees_landmarks = True

    def __init__(self, config: CompactConfig, frame: Frame, layout: PointLayout | None, backbone: nn.Module) -> None:
        super().__init__()
        if config.size % 32:
            raise ValueError(f"the compact network takes sizes that 32 divides, got {config.size}")
        self.config, self.frame, self.size = config, frame, config.size
        self.refines_fit = config.start == "fit"
        self.backbone = backbone
        self.decoder = Decoder(backbone.feature_info, config.widths)  # type: ignore[arg-type]
        last = config.widths[-1]
        self.refine = _conv(last + LANDMARK_CHANNELS + 2, last)
        self.maps = nn.Conv2d(last, 4 * sum(_MAPS.values()), 1) if config.maps else None
        if self.maps is not None and self.refines_fit:
            nn.init.normal_(self.maps.weight, std=0.01)  # what is refined is close already
        fine = (config.widths[-2], last)
        coarse = backbone.feature_info.channels()[-1]  # type: ignore[union-attr, operator]
        self.points = None if layout is None else PointsHead(layout, coarse, fine, config.size)
        mean, std = input_statistics(config.backbone)
        self.mean, self.std = nn.Buffer(mean), nn.Buffer(std)
        ramp = (torch.arange(config.size // 2) + 0.5) * (4 / config.size) - 1
        self.position = nn.Buffer(torch.stack(torch.meshgrid(ramp, ramp, indexing="xy")), persistent=False)

    @staticmethod
    def build(config: CompactConfig, frame: Frame, assets: FlameAssets | None) -> CompactPrior:
        """A network to train, or, without a head, one of the same shapes to load weights into."""
        layout = None
        if config.points:
            layout = PointLayout.empty(config.points) if assets is None else PointLayout.of(assets, config.points)
        name, channels = config.backbone, 3 + LANDMARK_CHANNELS
        new = assets is not None
        backbone = pretrained_backbone(name, config.pretrained, channels) if new else create_backbone(name, channels)
        return CompactPrior(config, frame, layout, backbone)

    @property
    def vertices(self) -> Tensor | None:
        """(N,) int64."""
        return None if self.points is None else self.points.vertices

    @property
    def predicts(self) -> frozenset[str]:
        """All maps, or none where it was made for points alone."""
        return frozenset() if self.maps is None else frozenset({"normal", "uv"})

    def forward(self, inputs: PriorInput) -> PriorPrediction:
        """Crops (B, ...) of the configured size."""
        hints = inputs.landmark_maps
        image = (inputs.image - self.mean) / self.std
        seen = torch.cat([image, functional.interpolate(hints, scale_factor=2)], 1)
        features = self.backbone(seen.contiguous(memory_format=torch.channels_last))
        quarter, half = self.decoder(features)
        position = self.position.expand(len(half), -1, -1, -1)
        fine = self.refine(torch.cat([half, hints.to(half.dtype), position.to(half.dtype)], 1))
        points = None
        if self.points is not None:
            points = self.points(
                features[-1], (quarter, fine), inputs.landmarks_px, inputs.has_landmarks, inputs.points_px
            )
        if self.maps is None:
            return PriorPrediction(PriorMaps(self.frame), points)
        return PriorPrediction(self._maps(self.maps(fine), hints), points)

    def _maps(self, raw: Tensor, hints: Tensor) -> PriorMaps:
        channels = functional.pixel_shuffle(raw.float(), 2)
        out = dict(zip(_MAPS, channels.split(list(_MAPS.values()), 1), strict=True))
        normal = hints[:, 2:5]
        if self.refines_fit:  # where it shows nothing, surfaces face the camera
            normal = torch.cat([normal[:, :2], torch.where(hints[:, 5:6] > 0, normal[:, 2:], -1.0)], 1)
        coarse = torch.cat([coarse_uv(hints), normal], 1)
        uv, normal = functional.interpolate(coarse, scale_factor=2, mode="bilinear").split([2, 3], 1)
        return PriorMaps(
            frame=self.frame,
            normal=functional.normalize(normal + out["normal"], dim=1),
            normal_log_var=out["normal_log_var"][:, 0].clamp(*_LOG_VAR),
            uv=uv + out["uv"] * _UV_STEP,
            uv_log_var=out["uv_log_var"][:, 0].clamp(*_LOG_VAR),
            part_logits=out["part_logits"],
        )


def coarse_uv(landmark_maps: Tensor) -> Tensor:
    """The landmarks' UV (B, 2, H, W), continued over the whole crop; 0.5 everywhere without landmarks.

    Where they do not reach, it is the affine function of the pixel that fits them best, in closed form. A correction of
    it is then smooth across their outline.

    Args:
        landmark_maps: (B, 6, H, W) of a `PriorInput`.
    """
    cover = landmark_maps[:, 5:6]
    uv = landmark_maps[:, :2] - 0.5
    height, width = cover.shape[-2:]
    y, x = (torch.linspace(-1, 1, side, device=cover.device) for side in (height, width))
    basis = torch.stack([x.expand(height, width), y[:, None].expand(height, width), torch.ones_like(cover[0, 0])])
    # By products and sums: a matrix product would be of 16 bits under autocast.
    gram = ((basis[None, :, None] * basis[None, None]) * cover[:, None]).sum((-2, -1))  # (B, 3, 3)
    moment = ((basis[None, :, None] * uv[:, None]) * cover[:, None]).sum((-2, -1))  # (B, 3, 2)
    with torch.autocast(cover.device.type, enabled=False):
        factor = torch.linalg.cholesky(gram + _RIDGE * torch.eye(3, device=cover.device))
        affine = torch.cholesky_solve(moment, factor)
    onward = (affine[..., None, None] * basis[None, :, None]).sum(1).clamp(-0.7, 0.7)
    return 0.5 + torch.where(cover > 0, uv, onward)


class Decoder(nn.Module):
    """From features at strides 32 to 2 (as many of them as the encoder has) to features at strides 4 and 2."""

    def __init__(self, feature_info: object, widths: Sequence[int]) -> None:
        super().__init__()
        strides = list(feature_info.reduction())  # type: ignore[attr-defined]
        channels = list(feature_info.channels())  # type: ignore[attr-defined]
        self.rows = tuple(strides.index(stride) if stride in strides else None for stride in _STRIDES)
        self.lateral = nn.ModuleList(
            nn.Identity() if row is None else nn.Conv2d(channels[row], width, 1)
            for row, width in zip(self.rows, widths, strict=True)
        )
        self.smooth = nn.ModuleList(_conv(width, onward) for width, onward in pairwise(widths))

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) at strides 4 and 2."""
        x = self.lateral[0](features[self.rows[0]])  # type: ignore[index]
        quarter = x
        for smooth, lateral, row in zip(self.smooth, self.lateral[1:], self.rows[1:], strict=True):
            quarter, x = x, functional.interpolate(smooth(x), scale_factor=2, mode="bilinear")
            if row is not None:
                x = x + lateral(features[row])
        return quarter, x


def _conv(channels: int, onward: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, onward, 3, padding=1, bias=False), nn.BatchNorm2d(onward), nn.ReLU(inplace=True)
    )
