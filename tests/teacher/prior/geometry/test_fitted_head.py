"""A fitted head drawn into a crop: against the renderer, and mirrored."""

from __future__ import annotations

import numpy as np
import torch

from shared.geometry.crop import Crop
from teacher.prior.geometry.fitted_head import FittedHead, HeadDrawer
from tests.teacher.prior.data.plain_portrait import SIZE, head, maps_of, mirror, scene


def test_maps_are_those_of_the_renderer() -> None:
    params, camera = scene(3)
    one = FittedHead.of(head(), params, camera)
    drawn = HeadDrawer.of(head().assets).maps(one.pixel_px, one, np.eye(3), SIZE)
    exact = maps_of(params, camera.resized((SIZE // 2, SIZE // 2)))
    assert exact.uv is not None
    both = exact.mask & (drawn[5] > 0)
    assert both.sum() > 0.97 * exact.mask.sum()
    degrees = torch.rad2deg(torch.acos((drawn[2:5] * exact.normal).sum(0)[both].clamp(-1, 1)))
    assert degrees.median() < 0.5
    assert degrees.quantile(0.95) < 5  # at the outline another triangle may be nearer
    assert (drawn[:2] - exact.uv).norm(dim=0)[both].median() < 1e-3


def test_a_mirrored_crop_shows_the_mirror_image() -> None:
    """Pixels are flipped, x of the normals too, and places are those of the other half of the head."""
    params, camera = scene(4)
    one = FittedHead.of(head(), params, camera)
    drawer = HeadDrawer.of(head().assets, mirror())
    plain = drawer.maps(one.pixel_px, one, np.eye(3), SIZE)
    flipped_px = torch.stack([SIZE - one.pixel_px[:, 0], one.pixel_px[:, 1]], 1)
    flipped = drawer.maps(flipped_px, one, np.diag([-1.0, 1.0, 1.0]), SIZE, mirrored=True).flip(2)
    both = (plain[5] > 0) & (flipped[5] > 0)
    assert both.sum() > 0.98 * (plain[5] > 0).sum()
    torch.testing.assert_close((flipped[2:5] * torch.tensor([-1.0, 1, 1])[:, None, None])[:, both], plain[2:5, both])
    again = mirror().uv(plain[:2, both][:, None])[:, 0]
    assert (flipped[:2, both] - again).norm(dim=0).quantile(0.99) < 2e-3


def test_a_crop_moves_the_head_along() -> None:
    params, camera = scene(5)
    one = FittedHead.of(head(), params, camera)
    crop = Crop.square(torch.tensor([SIZE / 2, SIZE / 2]), torch.tensor(SIZE / 2.0), SIZE)
    drawer = HeadDrawer.of(head().assets)
    large, small = (drawer.maps(px, one, np.eye(3), SIZE) for px in (crop.apply(one.pixel_px), one.pixel_px))
    quarter = slice(SIZE // 8, 3 * SIZE // 8)
    middle = small[5, quarter, quarter].mean()
    assert abs(float(large[5].mean() - middle)) < 0.03
