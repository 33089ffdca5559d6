"""A network that tells identity from expression: from what the prior holds of a picture to the shape of the head.

It is trained on portraits, where identity and expression are known apart, and sees nothing but the prior's own
features, so that it costs next to nothing beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shared.records import TensorRecord
from teacher.prior.records import PriorPoints, PriorPrediction

_WIDTH = 256
_DROPOUT = 0.2
_LOG_STD = (-4.0, 1.0)


@dataclass(frozen=True)
class Identity(TensorRecord):
    """What is known of a head's shape, as a Gaussian on the codes along some directions; on others it is N(0, 1)."""

    mean: Tensor  # (..., D)
    std: Tensor  # (..., D)


def features(prediction: PriorPrediction, size: int) -> Tensor:
    """(..., F) of a prediction for crops of ``size`` pixels: the prior's summary, and its points about their middle."""
    points: PriorPoints | None = prediction.points
    assert points is not None
    assert points.summary is not None
    places = points.pixel_px * (2 / size) - 1
    return torch.cat([points.summary, (places - places.mean(-2, keepdim=True)).flatten(-2)], -1)


class IdentityNetwork(nn.Module):
    """Two hidden layers. ``directions`` (S, D) are orthonormal combinations of shape codes."""

    def __init__(self, n_features: int, directions: Tensor) -> None:
        super().__init__()
        self.directions = nn.Buffer(directions)
        self.middle = nn.Buffer(torch.zeros(n_features))
        self.scale = nn.Buffer(torch.ones(n_features))
        self.layers = nn.Sequential(
            nn.Dropout(_DROPOUT / 2),
            nn.Linear(n_features, _WIDTH),
            nn.GELU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(_WIDTH, _WIDTH),
            nn.GELU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(_WIDTH, 2 * directions.shape[1]),
        )

    def standardise(self, seen: Tensor) -> None:
        """Take mean and spread of the features from samples (B, F)."""
        self.middle.copy_(seen.mean(0))
        self.scale.copy_(seen.std(0).clamp_min(1e-4))

    def forward(self, seen: Tensor) -> Identity:
        """Features (B, F)."""
        mean, log_std = self.layers((seen - self.middle) / self.scale).chunk(2, -1)
        return Identity(mean, log_std.clamp(*_LOG_STD).exp())
