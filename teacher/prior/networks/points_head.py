"""The inverse map: from a crop to the pixels of chosen vertices, each with an uncertainty and whether it is seen.

Three steps, from coarse to fine. Where MediaPipe's landmarks are known, an affine view of the template is fitted to
them; the whole picture then corrects every point at once; last, each point looks at the feature maps where it stands
and moves, twice, by the same small network. Uncertainties as in Wood et al., "3D face reconstruction with dense
landmarks" (2022); the local step is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.schema import FlameAssets
from shared.records.tensor_record import TensorRecord
from teacher.prior.networks.vertices import spread_vertices
from teacher.prior.records import PriorPoints

_POOLED, _GRID = 64, 4  # channels and side of the picture's summary, whatever its size
_GLOBAL, _LOCAL, _EMBEDDED = 320, 96, 32
_LOOKS = 2
_STEP = 0.05  # of the picture's half side, for an output of 1
_LOG_VAR = (-4.0, 10.0)  # px^2


@dataclass(frozen=True)
class PointLayout(TensorRecord):
    """What the head gives to the points. Kept with a network's weights, so that it runs without the head's files."""

    vertices: Tensor  # (N,) int64
    places: Tensor  # (N, 4) on the template, about its middle, in units of 0.1 m, x to the picture's right, y down; 1
    to_affine: Tensor  # (4, 478) from landmarks to the affine view of the places that fits them best

    @staticmethod
    def of(assets: FlameAssets, count: int) -> PointLayout:
        """The layout of ``count`` vertices. KeyError if the head has no "mediapipe" landmarks."""
        vertices = spread_vertices(assets, count)
        landmarks = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces).double()
        middle = landmarks.mean(0)

        def placed(points: Tensor) -> Tensor:
            relative = (points - middle) * points.new_tensor([10.0, -10.0, -10.0])
            return torch.cat([relative, points.new_ones(len(points), 1)], 1)

        basis = placed(landmarks)
        # Pixels are affine in the places; least squares in closed form, 4x4.
        to_affine = torch.cholesky_solve(basis.T, torch.linalg.cholesky(basis.T @ basis))
        return PointLayout(vertices, placed(assets.v_template[vertices].double()).float(), to_affine.float())

    @staticmethod
    def empty(count: int) -> PointLayout:
        """Of the right shapes, to be filled from a weight file."""
        return PointLayout(torch.zeros(count, dtype=torch.int64), torch.zeros(count, 4), torch.zeros(4, N_MEDIAPIPE))


class PointsHead(nn.Module):
    """From the encoder's coarsest features and the decoder's finest to `PriorPoints`.

    Args:
        layout: of the head.
        coarse: channels of the features at stride 32.
        fine: channels of each feature map that the points look at.
        size: of the crop in pixels.
    """

    def __init__(self, layout: PointLayout, coarse: int, fine: Sequence[int], size: int) -> None:
        super().__init__()
        self.size = size
        count = len(layout.vertices)
        self.vertices = nn.Buffer(layout.vertices)
        self.places = nn.Buffer(layout.places)
        self.to_affine = nn.Buffer(layout.to_affine)
        self.rest = nn.Parameter(layout.places[:, :2] * 0.6)  # where the vertices of an average crop are, in [-1, 1]
        self.pool = nn.Sequential(nn.Conv2d(coarse, _POOLED, 1, bias=False), nn.BatchNorm2d(_POOLED), nn.ReLU())
        self.summarise = nn.AdaptiveAvgPool2d(_GRID)
        self.picture = nn.Linear(_POOLED * _GRID**2, _GLOBAL)
        self.landmarks = nn.Linear(2 * N_MEDIAPIPE + 1, _GLOBAL)
        self.mix = nn.Sequential(nn.GELU(), nn.Linear(_GLOBAL, _GLOBAL), nn.GELU())
        self.move = nn.Linear(_GLOBAL, 2 * count)
        self.context = nn.Linear(_GLOBAL, _EMBEDDED)
        self.embedding = nn.Parameter(torch.randn(count, _EMBEDDED) * 0.1)
        self.look = nn.Sequential(
            nn.Linear(sum(fine) + _EMBEDDED, _LOCAL), nn.GELU(), nn.Linear(_LOCAL, _LOCAL), nn.GELU()
        )
        self.tell = nn.Linear(_LOCAL, 4)  # x, y, log-variance, visibility
        for layer in (self.move, self.tell):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        coarse: Tensor,
        fine: Sequence[Tensor],
        landmarks_px: Tensor,
        has_landmarks: Tensor,
        start_px: Tensor | None,
    ) -> PriorPoints:
        """Points of a batch.

        Args:
            coarse, fine: features (B, C, H, W).
            landmarks_px, has_landmarks: (B, 478, 2), and whether they are known (B,).
            start_px: (B, N, 2) of a fit to them; None: an affine view of the template is fitted here.
        """
        known = has_landmarks[:, None].to(landmarks_px.dtype)
        marks = (landmarks_px * (2 / self.size) - 1) * known[..., None]
        output = torch.cat([marks.flatten(1), known], 1)
        pooled = self.summarise(self.pool(coarse)).flatten(1)
        state = self.mix(self.picture(pooled) + self.landmarks(output))
        with torch.autocast(marks.device.type, enabled=False):  # 16 bits are half a pixel
            start = self.places @ (self.to_affine @ marks) if start_px is None else start_px * (2 / self.size) - 1
        initial = torch.where(known[..., None] > 0, start, self.rest)
        place = initial + self.move(state).float().unflatten(1, (-1, 2)) * _STEP
        first = place
        who = self.embedding + self.context(state)[:, None]  # (B, N, E)
        last = place.new_zeros(*place.shape[:2], 4)
        for _ in range(_LOOKS):
            seen = [_sample(features, place.detach()) for features in fine]
            last = self.tell(self.look(torch.cat([*seen, who.to(seen[0].dtype)], -1))).float()
            place = place + last[..., :2] * _STEP
        return PriorPoints(
            pixel_px=(place + 1) * (self.size / 2),
            log_var=last[..., 2].clamp(*_LOG_VAR),
            visible_logit=last[..., 3],
            coarse_px=(first + 1) * (self.size / 2),
            summary=torch.cat([pooled, state], 1).float(),
        )


def _sample(features: Tensor, place: Tensor) -> Tensor:
    """(B, C, H, W) at places (B, N, 2) in [-1, 1] -> (B, N, C); the border goes on outside."""
    grid = place[:, None].to(features.dtype)
    picked = functional.grid_sample(features, grid, padding_mode="border", align_corners=False)
    return picked[:, :, 0].transpose(1, 2)
