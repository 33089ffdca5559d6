"""Points found in a UV map: exact where the map is, silent where it does not show them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from teacher.prior.geometry.lookup import Expected, UvIndex, look_up, nearest_pixels

H, W = 96, 128


def curved_map(pixel: Tensor) -> Tensor:
    """(..., 2) pixels -> (..., 2) UV, bent and turned, about 0.004 a pixel; one to one over the picture."""
    x, y = pixel.unbind(-1)
    u = 0.2 + 0.004 * x + 0.0009 * y + 2e-6 * (x - 60) ** 2
    v = 0.9 - 0.0007 * x - 0.0045 * y + 3e-6 * (y - 40) ** 2
    return torch.stack([u, v], -1)


def rendered() -> Tensor:
    """(2, H, W)."""
    rows, columns = torch.meshgrid(torch.arange(H) + 0.5, torch.arange(W) + 0.5, indexing="ij")
    return curved_map(torch.stack([columns, rows], -1)).permute(2, 0, 1)


def some_pixels(count: int = 60, margin: float = 4.0) -> Tensor:
    """(count, 2)."""
    generator = torch.Generator().manual_seed(0)
    return margin + torch.rand(count, 2, generator=generator) * (torch.tensor([W, H]) - 2 * margin)


def test_an_exact_map_gives_exact_pixels() -> None:
    pixels = some_pixels()
    found = look_up(rendered(), torch.ones(H, W), UvIndex.of(curved_map(pixels)))
    assert found.valid.all()
    assert (found.pixel_px - pixels).norm(dim=1).max() < 0.03
    slope = torch.autograd.functional.jacobian(lambda p: curved_map(p), pixels[0])
    expected = (slope.inverse().square().sum() / 2).sqrt()
    assert found.px_per_uv[0] == pytest.approx(float(expected), rel=1e-2)


def test_at_the_border_too() -> None:
    pixels = torch.tensor([[0.6, 0.6], [W - 0.6, H - 0.7], [0.5, 40.0]])
    found = look_up(rendered(), torch.ones(H, W), UvIndex.of(curved_map(pixels)))
    assert found.valid.all()
    assert (found.pixel_px - pixels).norm(dim=1).max() < 0.1


def test_what_the_map_does_not_show_is_not_found() -> None:
    weight = torch.ones(H, W)
    weight[:, 64:] = 0
    pixels = torch.tensor([[30.0, 50.0], [72.0, 50.0], [110.0, 50.0]])
    found = look_up(rendered(), weight, UvIndex.of(curved_map(pixels)))
    assert found.valid.tolist() == [True, False, False]
    assert not look_up(rendered(), torch.zeros(H, W), UvIndex.of(curved_map(pixels))).valid.any()
    assert found.pixel_px.isfinite().all()


def test_a_constant_map_has_no_place() -> None:
    found = look_up(torch.full((2, H, W), 0.5), torch.ones(H, W), UvIndex.of(torch.full((1, 2), 0.5)))
    assert not found.valid.any()
    assert found.pixel_px.isfinite().all()


def test_averages_noise_by_its_weight() -> None:
    generator = torch.Generator().manual_seed(1)
    noisy = torch.rand(H, W, generator=generator) < 0.5
    uv = rendered() + 0.004 * noisy * torch.randn(2, H, W, generator=generator)
    pixels = some_pixels(200, margin=8.0)

    def error(weight: Tensor) -> float:
        found = look_up(uv, weight, UvIndex.of(curved_map(pixels)), radius=3)
        assert found.valid.all()
        return float((found.pixel_px - pixels).norm(dim=1).median())

    trusting = error(torch.ones(H, W))
    assert error(torch.where(noisy, 1e-4, 1.0)) < 0.1 * trusting
    assert trusting < 0.3  # a pixel's noise is one pixel


def test_another_part_of_the_head_beside_the_point_does_not_pull() -> None:
    uv = rendered()
    uv[:, :, 66:] = rendered()[:, :, :62]  # something else, 0.25 away, from column 66 on
    pixels = torch.tensor([[64.5, 30.0], [63.2, 70.4]])
    found = look_up(uv, torch.ones(H, W), UvIndex.of(curved_map(pixels)))
    assert found.valid.all()
    assert (found.pixel_px - pixels).norm(dim=1).max() < 0.05


def test_leading_dimensions_are_independent() -> None:
    uv = torch.stack([rendered(), rendered().flip(-1)])[:, None]
    weight = torch.ones(2, 1, H, W)
    pixels = some_pixels(20)
    both = look_up(uv, weight, UvIndex.of(curved_map(pixels)))
    assert both.pixel_px.shape == (2, 1, 20, 2)
    single = look_up(uv[1, 0], weight[1, 0], UvIndex.of(curved_map(pixels)))
    assert torch.equal(both.pixel_px[1, 0], single.pixel_px)
    assert torch.equal(both.valid[1, 0], single.valid)


def test_only_where_a_point_is_expected() -> None:
    """Of two places that look alike the expected one is taken, and none where the point cannot be seen."""
    uv = rendered()
    uv[:, :, 64:] = rendered()[:, :, :64]  # all twice
    pixels = torch.tensor([[30.0, 50.0], [20.3, 60.2], [40.0, 30.0]])
    expected = Expected(torch.tensor([[33.0, 48.0], [80.0, 61.0], [torch.inf, torch.inf]]), reach_px=10.0)
    found = look_up(uv, torch.ones(H, W), UvIndex.of(curved_map(pixels)), expected=expected)
    assert found.valid.tolist() == [True, True, False]
    assert (found.pixel_px[0] - pixels[0]).norm() < 0.05
    assert (found.pixel_px[1] - pixels[1] - torch.tensor([64.0, 0.0])).norm() < 0.05


def test_the_nearest_pixel_is_that_of_all_distances() -> None:
    uv, wanted = rendered(), curved_map(some_pixels())
    weight = torch.ones(H, W)
    weight[:40] = 0
    pixel, distance = nearest_pixels(uv, weight, wanted)
    every = (uv.flatten(1).T[None] - wanted[:, None]).norm(dim=-1)
    every[:, weight.flatten() == 0] = torch.inf
    assert torch.allclose(distance, every.min(1).values)
    index = every.argmin(1)
    assert torch.equal(pixel, torch.stack([index % W, index // W], -1) + 0.5)
    assert nearest_pixels(uv, torch.zeros(H, W), wanted)[1].isinf().all()
