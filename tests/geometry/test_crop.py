"""Crops: exact inverses, and pictures that agree with the points."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from shared.geometry.crop import Crop

HEIGHT, WIDTH = 300, 420


def _crop(center: tuple[float, float], side: float, size: int) -> Crop:
    return Crop.square(torch.tensor(center, dtype=torch.float64), torch.tensor(side, dtype=torch.float64), size)


def test_square_maps_its_corners() -> None:
    crop = _crop((100, 80), 50, 256)
    corners = torch.tensor([[75.0, 55.0], [125.0, 105.0], [100.0, 80.0]], dtype=torch.float64)
    np.testing.assert_allclose(crop.apply(corners), [[0, 0], [256, 256], [128, 128]], atol=1e-10)


def test_invert_is_exact() -> None:
    generator = torch.Generator().manual_seed(0)
    center = torch.rand(5, 2, generator=generator, dtype=torch.float64) * 1000
    crop = Crop.square(center, torch.tensor([10.0, 99.9, 256, 1234.5, 5000], dtype=torch.float64), 256)
    points = torch.rand(5, 50, 2, generator=generator, dtype=torch.float64) * 2000 - 500
    np.testing.assert_allclose(crop.invert(crop.apply(points)), points, atol=1e-9)
    np.testing.assert_allclose(crop.apply(crop.invert(points)), points, atol=1e-9)


def test_around_holds_the_points() -> None:
    points = torch.tensor([[100.0, 50.0], [180.0, 70.0], [150.0, 90.0]])
    crop = Crop.around(points, 200, margin=1.25)
    inside = crop.apply(points)
    assert inside.amin(0).tolist() == pytest.approx([20, 60])  # 80 px wide, 40 px high, in a square of 100 px
    assert inside.amax(0).tolist() == pytest.approx([180, 140])


def _dot(center: tuple[float, float], sigma: float) -> np.ndarray:
    x, y = np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5
    across = np.exp(-((x - center[0]) ** 2) / 2 / sigma**2)
    down = np.exp(-((y - center[1]) ** 2) / 2 / sigma**2)
    return (down[:, None] * across).astype(np.float32)


def _centroid(image: np.ndarray) -> list[float]:
    weight = image / image.sum()
    columns, rows = np.arange(image.shape[1]) + 0.5, np.arange(image.shape[0]) + 0.5
    return [float((weight.sum(0) * columns).sum()), float((weight.sum(1) * rows).sum())]


@pytest.mark.parametrize(
    ("side", "sigma"),
    [(60, 2), (128, 2), (150, 4), (200, 4), (333, 8), (391, 8), (777, 14), (1600, 20)],
    ids=lambda value: str(value),
)
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("offset", [(0.0, 0.0), (7.3, -4.6)])
def test_a_dot_lies_where_apply_says(side: float, sigma: float, dtype: type, offset: tuple[float, float]) -> None:
    """Enlarging, shrinking by fractions and by far; the larger squares leave the image on all sides."""
    dot = (231.4, 118.7)
    crop = _crop((dot[0] + offset[0] * side / 128, dot[1] + offset[1] * side / 128), side, 128)
    image = _dot(dot, sigma)[..., None].repeat(3, -1)
    image = (image * 255).round().astype(dtype) if dtype is np.uint8 else image
    sampled = crop.sample(image)
    assert sampled.shape == (128, 128, 3)
    assert sampled.dtype == dtype
    want = crop.apply(torch.tensor([dot], dtype=torch.float64))[0].tolist()
    for channel in range(3):
        assert _centroid(sampled[..., channel].astype(np.float64)) == pytest.approx(want, abs=0.1)


@pytest.mark.parametrize("side", [64.0, 128.0, 256.0, 300.0, 1000.0])
def test_brightness_is_kept_and_outside_is_black(side: float) -> None:
    crop = _crop((WIDTH, HEIGHT / 2), side, 128)  # the left half shows the image, the right half nothing
    sampled = crop.sample(np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    inside_rows = slice(52, 76)
    assert (sampled[inside_rows, 50:62] == 200).all()
    assert not sampled[:, 66:].any()


def test_shrinking_averages() -> None:
    """A one-pixel checkerboard becomes grey, not a pattern."""
    board = (np.indices((HEIGHT, WIDTH)).sum(0) % 2 * 200).astype(np.uint8)
    sampled = _crop((200, 150), 256, 32).sample(board)
    assert sampled.shape == (32, 32)
    assert np.abs(sampled.astype(float) - 100).max() <= 2


def test_identity_crop_copies() -> None:
    image = np.random.default_rng(0).integers(0, 255, (96, 96, 1), dtype=np.uint8)
    np.testing.assert_array_equal(_crop((48, 48), 96, 96).sample(image), image)


def test_sample_takes_one_crop() -> None:
    batch = Crop.square(torch.zeros(4, 2), torch.ones(4), 8)
    with pytest.raises(ValueError, match=r"\(4,\): index it first"):
        batch.sample(np.zeros((4, 4, 3), np.uint8))
    assert batch[2].sample(np.zeros((4, 4, 3), np.uint8)).shape == (8, 8, 3)
