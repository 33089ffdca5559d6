"""A small set with truth that needs no studio: simple rendered heads in the dress of portraits."""

from __future__ import annotations

import math

import torch

from shared.evaluate.truth_set import BenchmarkItem, TruthSet
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.synthetic.heads import HeadPainter
from shared.synthetic.portrait import PortraitFacts

COUNT = 6
SEED = 77


def heads(count: int = COUNT) -> TruthSet:
    """Rendered heads with yaw up to 60 degrees."""
    model = FlameModel(load_flame())
    painter = HeadPainter(model)

    def item(index: int) -> BenchmarkItem:
        head = painter(SEED, index)
        yaw = math.degrees(float(torch.atan2(*_forward(head.params.global_rot))))
        facts = PortraitFacts(
            seed=SEED,
            index=index,
            person=index // 2,
            kind="posed",
            yaw_deg=yaw,
            pitch_deg=0.0,
            roll_deg=0.0,
            expression_mm=1.0,
            occluded=0.0,
            skin_tone_deg=30.0,
            focal_35mm=50.0,
            hair="cap",
            occluders=(),
            light="simple",
            background="room",
        )
        return BenchmarkItem(head.image, head.params, head.camera, head.landmarks_px, facts)

    return TruthSet(f"heads-{SEED}-{count}", model, tuple(f"head {index}" for index in range(count)), item)


def many() -> TruthSet:
    """Enough for a try by hand."""
    return heads(40)


def _forward(global_rot: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    from shared.geometry.rotation import axis_angle_to_matrix

    forward = axis_angle_to_matrix(global_rot)[:, 2]
    return forward[0], forward[2]
