"""A decoder that makes the encoder look at geometry while it trains: normals and UV of each place. It is not kept.

Its truth is rendered from the head that a sample's target tells, so that labels and portraits serve alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.records.tensor_record import TensorRecord
from shared.render.maps import render_maps
from student.network.model import StudentNetwork
from student.network.records import StudentInput, StudentOutput, StudentTarget
from student.training.losses import StudentLoss
from student.training.truth import heads_of

_STRIDE, _WIDTH = 8, 64
_UV = 10.0  # so that a tenth of the texture counts as much as a radian


@dataclass(frozen=True)
class DenseOutput(TensorRecord):
    """What a network with a decoder tells."""

    head: StudentOutput
    normal: Tensor  # (B, 3, h, w) camera frame of the crop
    uv: Tensor  # (B, 2, h, w)


class WithDense(nn.Module):
    """A student and its decoder. ValueError for a network of landmarks alone."""

    def __init__(self, network: StudentNetwork) -> None:
        super().__init__()
        if network.backbone is None:
            raise ValueError("loss.dense needs a network that sees the picture; give network.backbone, or loss.dense=0")
        self.network = network
        info = network.backbone.feature_info  # type: ignore[union-attr]
        levels = zip(info.channels(), info.reduction(), strict=True)  # type: ignore[union-attr, operator]
        self.rows = [row for row, (_, stride) in enumerate(levels) if stride >= _STRIDE]
        self.lateral = nn.ModuleList(nn.Conv2d(info.channels()[row], _WIDTH, 1) for row in self.rows)  # type: ignore[union-attr, operator]
        self.smooth = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)
        self.told = nn.Conv2d(_WIDTH, 5, 1)

    @property
    def backbone(self) -> nn.Module | None:
        """The student's encoder."""
        return self.network.backbone

    def forward(self, inputs: StudentInput) -> DenseOutput:
        """Crops (B, ...)."""
        features = self.network.features(inputs)
        x: Tensor | None = None
        for row, lateral in zip(reversed(self.rows), reversed(self.lateral), strict=True):
            here = lateral(features[row])
            x = here if x is None else here + functional.interpolate(x, here.shape[-2:], mode="bilinear")
        assert x is not None
        maps = self.told(functional.relu(self.smooth(x))).float()
        normal, uv = maps.split([3, 2], 1)
        return DenseOutput(self.network.tell(features, inputs), normal, uv)


@dataclass(frozen=True, eq=False)
class DenseLoss:
    """The student's loss, and that of its decoder."""

    student: StudentLoss
    model: FlameModel

    def __call__(self, told: DenseOutput, target: StudentTarget) -> tuple[Tensor, dict[str, Tensor]]:
        """As `StudentLoss`, with the term "dense": means over the pixels that see the head."""
        total, terms = self.student(told.head, target)
        normal, uv, mask = self.truth(target, told.normal.shape[-2:])
        off = (told.normal - normal).abs().sum(1) + _UV * (told.uv - uv).abs().sum(1)
        seen = mask * target.weight[:, None, None]
        dense = (off * seen).sum() / seen.sum().clamp_min(1)
        total = total + self.student.config.dense * dense
        return total, terms | {"dense": dense.detach(), "total": total.detach()}

    @torch.no_grad()
    def truth(self, target: StudentTarget, size: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Normals (B, 3, h, w), UV (B, 2, h, w) and mask (B, h, w) of the target's heads."""
        model, assets = self.model, self.model.assets
        # Seen along its own line of sight: what a crop shows, wherever it lies in its picture.
        camera = Camera.at_origin(target.focal_px, (size[0] * _STRIDE, size[1] * _STRIDE), target.anchor_px)
        placed = heads_of(target, camera, model, self.student.anchor_m)
        uv, uv_faces = (one.to(model.faces.device) for one in (assets.uv, assets.uv_faces))
        small = camera.resized((size[0], size[1]))
        maps = render_maps(model(placed).verts_m, model.faces, small, uv, uv_faces)
        assert maps.uv is not None
        return maps.normal, maps.uv, maps.mask.to(maps.normal)
