"""The camera: nothing but sRGB when all is off, the same for the same numbers, faults that can be measured."""

from __future__ import annotations

import numpy as np
import pytest

from shared.synthetic.scene.sensor import Sensor, apply_sensor


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _scene(size: int = 96) -> np.ndarray:
    """Smooth colours with an edge and a bright spot."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    picture = np.stack([0.1 + 0.5 * x, 0.1 + 0.4 * y, 0.3 + 0.2 * x * y], -1).astype(np.float32)
    picture[size // 4 : size // 2, size // 3 : size // 2] = (0.7, 0.05, 0.1)
    picture[-6:-3, -6:-3] = 3.0
    return picture


def _spread_px(sensor: Sensor, size: int) -> float:
    """Deviation, in pixels, of what a point becomes."""
    picture = np.zeros((size, size, 3), np.float32)
    picture[size // 2, size // 2] = 3.9
    seen = apply_sensor(picture, sensor, _rng())[..., 1].astype(np.float64) / 255
    linear = np.where(seen <= 0.04045, seen / 12.92, ((seen + 0.055) / 1.055) ** 2.4)
    offset = np.arange(size) - size // 2
    return float(np.sqrt((linear.sum(0) * offset**2).sum() / linear.sum()))


def test_no_fault_is_plain_srgb() -> None:
    scene = _scene()
    clipped = np.clip(scene.astype(np.float64), 0, 1)
    expected = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055) * 255
    seen = apply_sensor(scene, Sensor(), _rng())
    assert np.abs(seen - expected).max() < 0.52


def test_same_numbers_same_picture() -> None:
    scene = _scene()

    def shot(seed: int) -> np.ndarray:
        rng = _rng(seed)
        return apply_sensor(scene, Sensor.draw(rng, scene.shape[:2]), rng)

    before = scene.copy()
    assert all(np.array_equal(shot(seed), shot(seed)) for seed in range(20))
    assert not np.array_equal(shot(0), shot(1))
    assert np.array_equal(scene, before), "the radiance was changed"


@pytest.mark.parametrize("size", [(96, 64), (51, 77)])
def test_all_draws_keep_the_size(size: tuple[int, int]) -> None:
    scene = np.random.default_rng(0).random((*size, 3), dtype=np.float32) * 1.5
    for seed in range(80):
        rng = _rng(seed)
        seen = apply_sensor(scene, Sensor.draw(rng, size), rng)
        assert seen.shape == (*size, 3)
        assert seen.dtype == np.uint8
        assert seen.flags["C_CONTIGUOUS"]


def test_most_pictures_stay_good() -> None:
    """Two fifths hardly change, and none is lost."""
    scene = _scene(128)
    plain = apply_sensor(scene, Sensor(), _rng()).astype(np.float32)
    likeness, error = [], []
    for seed in range(200):
        rng = _rng(seed)
        seen = apply_sensor(scene, Sensor.draw(rng, (128, 128)), rng).astype(np.float32)
        likeness.append(np.corrcoef(seen.mean(-1).ravel(), plain.mean(-1).ravel())[0, 1])
        error.append(np.abs(seen - plain).mean())
    assert np.quantile(error, 0.4) < 14
    assert np.quantile(likeness, 0.4) > 0.97
    assert min(likeness) > 0.6


def test_every_fault_is_drawn() -> None:
    drawn = [Sensor.draw(_rng(seed), (256, 256)) for seed in range(400)]
    for name in ("vignetting", "fringe", "sharpening", "video_quality", "jpeg_quality", "read_noise"):
        assert any(getattr(sensor, name) for sensor in drawn), name
    assert any(sensor.reduction < 0.6 for sensor in drawn)
    assert any(sensor.motion_px != (0, 0) for sensor in drawn)
    grey = np.mean([sensor.saturation == 0 for sensor in drawn])
    assert 0.005 < grey < 0.08
    qualities = [sensor.jpeg_quality for sensor in drawn if sensor.jpeg_quality is not None]
    assert min(qualities) >= 25
    assert max(qualities) <= 97


def test_blur_grows_with_the_picture() -> None:
    for seed in range(60):
        small, large = (Sensor.draw(_rng(seed), (side, side)) for side in (256, 512))
        assert large.focus_px == pytest.approx(2 * small.focus_px)
        assert large.motion_px == pytest.approx(tuple(2 * value for value in small.motion_px))
    assert _spread_px(Sensor(focus_px=1.0), 65) == pytest.approx(1.0, rel=0.15)
    assert _spread_px(Sensor(focus_px=2.0), 65) == pytest.approx(2.0, rel=0.15)
    assert _spread_px(Sensor(motion_px=(8.0, 0.0)), 65) == pytest.approx(8 / np.sqrt(12), rel=0.15)
    assert _spread_px(Sensor(motion_px=(0.0, 8.0)), 65) < 0.6


def test_noise() -> None:
    """The deviation asked for, the same when grain spreads, and none in the mean."""
    grey = np.full((128, 128, 3), 0.25, np.float32)
    level = apply_sensor(grey, Sensor(), _rng())[0, 0, 0]
    slope = 255 * 1.055 / 2.4 * 0.25 ** (1 / 2.4 - 1)
    for grain in (0.0, 0.8):
        seen = apply_sensor(grey, Sensor(shot_noise=0.04, noise_grain=grain), _rng())
        assert seen.std() == pytest.approx(0.04 * 0.5 * slope, rel=0.1)
        assert seen.mean() == pytest.approx(level, abs=0.6)


def test_colour_and_tone() -> None:
    scene = _scene()
    grey = apply_sensor(scene, Sensor(saturation=0.0), _rng())
    assert np.ptp(grey.astype(int), axis=-1).max() <= 1
    assert apply_sensor(scene, Sensor(gains=(2.0, 1.0, 0.5)), _rng())[..., 0].mean() > 1.2 * grey.mean()
    bright = np.linspace(0.5, 2, 96, dtype=np.float32)[None, :, None] * np.ones((4, 1, 3), np.float32)
    soft = apply_sensor(bright, Sensor(shoulder=0.5), _rng())[0, :, 0].astype(int)
    assert (np.diff(soft) >= 0).all()
    assert soft[16] < soft[48] < 255, "highlights keep differences"
    dark = apply_sensor(np.full((64, 64, 3), 0.5, np.float32), Sensor(vignetting=0.4), _rng())
    assert dark[0, 0, 0] < 0.9 * dark[32, 32, 0]


def test_fringes_grow_from_the_middle() -> None:
    picture = np.zeros((128, 128, 3), np.float32)
    picture[:, ::16] = picture[:, 1::16] = 0.8
    seen = apply_sensor(picture, Sensor(fringe=0.01), _rng()).astype(int)
    difference = np.abs(seen[..., 0] - seen[..., 2]).mean(0)
    assert difference[56:72].max() < 0.5 * difference[8:24].max()
