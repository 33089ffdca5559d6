"""Backgrounds and light: the same for the same numbers, bright enough for skin, tinted by the place."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from shared.images.decode import InputError
from shared.render.shading import irradiance, sh_basis
from shared.synthetic.scene.colour import LUMINANCE
from shared.synthetic.surroundings.backgrounds import BACKGROUNDS, draw_background, draw_kind
from shared.synthetic.surroundings.draw import PICTURE, SurroundingsMaker
from shared.synthetic.surroundings.exposure import bright_side, brightest_skin, draw_lighting
from shared.synthetic.surroundings.light_colour import black_body, six_walls
from shared.synthetic.surroundings.lights import LIGHTS, draw_light_kind, draw_plan

SIZE = (64, 80)


def test_same_numbers_same_surroundings() -> None:
    maker = SurroundingsMaker(None)
    first = maker.draw(np.random.default_rng(3), SIZE)
    maker.draw(np.random.default_rng(4), SIZE)
    again = maker.draw(np.random.default_rng(3), SIZE)
    assert np.array_equal(first.picture, again.picture)
    assert np.array_equal(first.lighting.surround, again.lighting.surround)
    assert (first.background, first.light) == (again.background, again.light)
    assert not np.array_equal(first.picture, maker.draw(np.random.default_rng(5), SIZE).picture)


@pytest.mark.parametrize("kind", BACKGROUNDS)
@pytest.mark.parametrize("size", [(64, 80), (100, 60)])
def test_backgrounds_are_radiance(kind: str, size: tuple[int, int]) -> None:
    pictures = [draw_background(np.random.default_rng(seed), kind, size) for seed in range(6)]
    for picture in pictures:
        assert picture.shape == (*size, 3)
        assert picture.dtype == np.float32
        assert np.isfinite(picture).all()
        assert picture.min() >= 0
    assert np.ptp([picture.mean() for picture in pictures]) > 0.001, "all draws alike"


def test_every_kind_is_drawn() -> None:
    rng = np.random.default_rng(0)
    assert {draw_kind(rng) for _ in range(600)} == set(BACKGROUNDS)
    for place in ("indoors", "outdoors", "studio", "dark"):
        assert {draw_light_kind(rng, place) for _ in range(2500)} == set(LIGHTS)
    assert {kind.place for kind in BACKGROUNDS.values()} == {"indoors", "outdoors", "studio", "dark"}


@pytest.mark.parametrize("kind", LIGHTS)
def test_lamps(kind: str) -> None:
    background = draw_background(np.random.default_rng(0), "room", SIZE)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        lighting = draw_lighting(rng, draw_plan(rng, kind, 1.0), background)
        assert lighting.surround.shape == (9, 3)
        assert lighting.surround.dtype == np.float32
        assert 1 <= len(lighting.lamps) <= 3
        for lamp in lighting.lamps:
            assert lamp.rgb.dtype == lamp.direction.dtype == np.float32
            assert lamp.rgb.min() >= 0
            assert np.linalg.norm(lamp.direction) == pytest.approx(1, abs=1e-5)
            assert 0 < lamp.radius_rad <= 0.5
        directions = torch.nn.functional.normalize(torch.randn(200, 3, generator=torch.manual_seed(0)), dim=-1)
        assert (sh_basis(directions).numpy() @ lighting.surround).min() > -0.05 * lighting.surround[0].max()


def test_most_skin_is_well_exposed() -> None:
    maker = SurroundingsMaker(None)
    lights = [maker.draw(np.random.default_rng([1, i]), (48, 48)).lighting for i in range(300)]
    levels = np.array([brightest_skin(light) for light in lights])
    assert np.mean((levels > 0.25) & (levels < 0.6)) > 0.75
    assert 0.01 < np.mean(levels < 0.2) < 0.2, "some are dim"
    assert 0 < np.mean(levels > 0.6) < 0.15, "a few are too bright"
    assert levels.min() > 0.03


def test_side_of_the_light() -> None:
    """Lamps are mostly above, and on the brighter side of the background."""
    picture = np.full((30, 30, 3), 0.1, np.float32)
    picture[:, 20:] = 1.0
    sides = [bright_side(np.random.default_rng(i), picture) for i in range(200)]
    assert 0.75 < np.mean(np.array(sides) > 0) < 1
    up = [
        draw_plan(np.random.default_rng([i, 1]), kind, 1.0).lamps[0].elevation_rad > 0
        for i in range(30)
        for kind in LIGHTS
    ]
    assert np.mean(up) > 0.85


def test_surround_takes_the_colour_of_the_place() -> None:
    def redness(colour: tuple[float, float, float]) -> float:
        picture = np.full((30, 30, 3), colour, np.float32)
        red = []
        for seed in range(40):
            rng = np.random.default_rng(seed)
            surround = draw_lighting(rng, draw_plan(rng, "soft room", 1.0), picture).surround
            red.append(surround[0, 0] / surround[0, 2])
        return float(np.median(red))

    assert redness((0.5, 0.3, 0.2)) > 1.3 * redness((0.2, 0.3, 0.5))


def test_six_walls() -> None:
    """A box of one colour shines evenly; one bright wall is where it was put."""
    normals = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    even = irradiance(normals, torch.from_numpy(six_walls(np.full((6, 3), 0.7, np.float32)))).numpy() / np.pi
    np.testing.assert_allclose(even, 0.7, rtol=1e-4)
    for wall in range(6):
        walls = np.zeros((6, 3), np.float32)
        walls[wall] = 1
        light = irradiance(normals, torch.from_numpy(six_walls(walls))).numpy()[:, 0]
        assert light.argmax() == wall
        assert light.argmin() == wall ^ 1


def test_black_body() -> None:
    """Candle to sky goes from red to blue past white near 6500 K, without a jump; luminance 1."""
    colours = np.array([black_body(kelvin) for kelvin in np.linspace(2500, 9000, 60)])
    ratio = colours[:, 0] / colours[:, 2].clip(1e-3)
    assert (np.diff(ratio) < 0.01).all()
    assert np.abs(np.diff(np.log(ratio))).max() < 0.35
    np.testing.assert_allclose(black_body(6500), 1, atol=0.08)
    np.testing.assert_allclose(colours @ LUMINANCE, 1, atol=0.02)


def test_folder_of_pictures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A broken file is reported once and passed over, and draws don't depend on earlier ones."""
    (tmp_path / "deep").mkdir()
    blue = np.zeros((90, 120, 3), np.uint8)
    blue[..., 0] = 255  # cv2 writes BGR
    cv2.imwrite(str(tmp_path / "deep" / "blue.png"), blue)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    maker = SurroundingsMaker(tmp_path)
    with caplog.at_level(logging.WARNING):
        drawn = [maker.draw(np.random.default_rng(i), SIZE) for i in range(40)]
    taken = [one for one in drawn if one.background == PICTURE]
    assert 8 < len(taken) < 32
    for one in taken:
        assert one.picture.shape == (*SIZE, 3)
        assert one.picture.dtype == np.float32
        assert one.picture[..., 2].min() > 0.05
        assert one.picture[..., 0].max() < 1e-3
    assert sum("broken.jpg" in record.getMessage() for record in caplog.records) == 1
    again = SurroundingsMaker(tmp_path).draw(np.random.default_rng(39), SIZE)
    assert np.array_equal(again.picture, drawn[39].picture)


def test_only_broken_pictures(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    maker = SurroundingsMaker(tmp_path)
    assert all(maker.draw(np.random.default_rng(i), SIZE).background in BACKGROUNDS for i in range(10))


def test_folders_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no picture"):
        SurroundingsMaker(tmp_path)
    with pytest.raises(InputError):
        SurroundingsMaker(tmp_path / "missing")
