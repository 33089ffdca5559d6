"""Random heads of the open head, and what a camera sees of them."""

from __future__ import annotations

from functools import cache

import torch

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera


@cache
def open_head() -> FlameModel:
    """The open head."""
    return FlameModel(load_flame())


def random_params(count: int, seed: int = 0, turn: float = 0.3) -> FlameParams:
    """Heads half a metre away, turned any way by some radians."""
    generator = torch.Generator().manual_seed(seed)
    model = open_head()

    def randn(*size: int) -> torch.Tensor:
        return torch.randn(count, *size, generator=generator)

    place = torch.tensor([0.0, 0.0, -0.6]) + torch.tensor([0.05, 0.04, 0.05]) * randn(3)
    return FlameParams(
        shape=0.8 * randn(model.n_shape),
        expression=0.5 * randn(model.n_expression),
        global_rot=turn * randn(3),
        neck=0.15 * randn(3),
        jaw=randn(3).abs() * torch.tensor([0.1, 0.01, 0.0]),
        eyes=0.1 * randn(2, 3) * torch.tensor([1.0, 1.0, 0.0]),
        translation=place,
        eyelids=torch.zeros(count, 2),
    )


def cameras(count: int, focal_px: float = 700.0, size: tuple[int, int] = (480, 640)) -> Camera:
    """With principal points off the middle."""
    center = torch.tensor([size[1] / 2 + 15.0, size[0] / 2 - 9.0]).expand(count, 2)
    return Camera.at_origin(torch.full((count,), focal_px), size, center)


def landmarks_of(params: FlameParams, camera: Camera) -> torch.Tensor:
    """(B, 478, 2) pixels."""
    model = open_head()
    verts = model(params).verts_m
    return camera.project(model.assets.landmarks["mediapipe"].positions(verts, model.assets.faces))
