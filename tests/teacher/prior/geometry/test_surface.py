"""UV back to the template."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.flame.assets import load_flame
from teacher.prior.geometry.surface import HeadSurface


@pytest.fixture(scope="module")
def surface() -> HeadSurface:
    return HeadSurface.of(load_flame())


def skin_points(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """UV (P, 2) and points (P, 3) of the template, at random on face and scalp."""
    assets, generator = load_flame(), torch.Generator().manual_seed(3)
    inside = (assets.region("face") | assets.region("scalp"))[assets.faces].all(1).nonzero()[:, 0]
    face = inside[torch.randint(len(inside), (count,), generator=generator)]
    weights = torch.rand(count, 3, generator=generator)
    weights = (weights / weights.sum(1, keepdim=True))[..., None]
    return (assets.uv[assets.uv_faces[face]] * weights).sum(1), (assets.v_template[assets.faces[face]] * weights).sum(1)


def test_points_are_those_of_the_template(surface: HeadSurface) -> None:
    uv, points = skin_points(20_000)
    error_mm = 1e3 * (surface.points_m(uv) - points).norm(dim=-1)
    assert error_mm.median() < 0.02
    assert error_mm.quantile(0.99) < 0.5  # at the rims of lips and nostrils, where the chart ends


def test_distance_is_the_scale_of_the_texture(surface: HeadSurface) -> None:
    uv, points = skin_points(5000)
    a, b = uv.reshape(50, 50, 2, 2).unbind(2)
    truth_mm = 1e3 * (points.reshape(50, 50, 2, 3)[:, :, 0] - points.reshape(50, 50, 2, 3)[:, :, 1]).norm(dim=-1)
    distance = surface.distance_mm(a, b)
    assert distance.shape == (50, 50)
    assert (distance - truth_mm).abs().mean() < 0.2
    cheek = torch.tensor([[0.42, 0.47]])
    assert surface.distance_mm(cheek, cheek + torch.tensor([0.01, 0.0])) == pytest.approx(6.6, abs=1.5)


def test_gutters_belong_to_the_nearest_chart(surface: HeadSurface) -> None:
    corner = surface.points_m(torch.tensor([[0.001, 0.001], [-3.0, 0.0], [0.999, 0.999]]))
    assert torch.isfinite(corner).all()
    assert (corner.norm(dim=-1) > 0.01).all()


def test_head_without_texture_is_refused() -> None:
    bare = replace(load_flame(), uv=torch.zeros(0, 2), uv_faces=torch.zeros(0, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match="texture coordinates"):
        HeadSurface.of(bare)
