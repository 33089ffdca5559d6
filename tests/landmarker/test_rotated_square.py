from __future__ import annotations

import numpy as np
import pytest
import torch

from shared.geometry.crop import Crop
from shared.landmarker.rotated_square import RotatedSquare


@pytest.mark.parametrize("side", [40.0, 64.0, 150.0, 300.0])
@pytest.mark.parametrize("degrees", [0, 30, 90, 200])
def test_a_sampled_spot_is_where_the_map_says(side: float, degrees: float) -> None:
    # A smooth spot in the picture, found again by its centre of mass in the crop, to a tenth of a crop pixel.
    spot = np.array([205.3, 148.8])
    y, x = np.mgrid[:300, :400] + 0.5
    image = 255 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2 * (side / 16) ** 2))
    square = RotatedSquare((200.0, 150.0), side, np.deg2rad(degrees))
    crop = square.sample(np.dstack([image] * 3).astype(np.uint8), 64)[..., 0].astype(float)
    rows, columns = np.mgrid[:64, :64] + 0.5
    center = np.array([(crop * columns).sum(), (crop * rows).sum()]) / crop.sum() / 64
    np.testing.assert_allclose(square.to_picture(center), spot, atol=0.1 * side / 64)


def test_unturned_it_equals_the_crop_record(photo: np.ndarray) -> None:
    square = RotatedSquare((220.0, 120.0), 130.0)
    crop = Crop.square(torch.tensor([220.0, 120.0]), torch.tensor(130.0), 192)
    assert np.abs(square.sample(photo, 192).astype(int) - crop.sample(photo)).max() <= 1
    points = np.array([[0.0, 0.0], [0.25, 0.9]])
    np.testing.assert_allclose(square.to_picture(points), crop.invert(torch.tensor(points * 192).float()), atol=1e-3)


def test_outside_is_black_and_far_outside_works(photo: np.ndarray) -> None:
    crop = RotatedSquare((0.0, 256.0), 200.0).sample(photo, 100)
    assert (crop[:, :49] == 0).all()
    assert crop[:, 60:].mean() > 20
    assert (RotatedSquare((-5000.0, 9000.0), 100.0).sample(photo, 64) == 0).all()


def test_around_holds_the_points_with_the_margin() -> None:
    points = np.random.default_rng(0).normal(size=(50, 2)) * [30, 10] + 100
    for angle in (0.0, 0.7, 3.0):
        square = RotatedSquare.around(points, angle, 1.5)
        inside = (points - square.center_px) @ square.axes() / square.side_px
        np.testing.assert_allclose([inside.min(0) + inside.max(0)], 0, atol=1e-9)
        assert np.ptp(inside, axis=0).max() == pytest.approx(1 / 1.5)
