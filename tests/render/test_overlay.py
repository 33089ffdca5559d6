"""Overlays, down to odd sizes and meshes that leave the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.flame.segmentation import SURFACES, surface_of_vertex
from shared.render.irises import IRIS_COSINE, eye_axis_cosine
from shared.render.overlay import OverlayStyle, draw_points, overlay
from tests.render.scenes import camera, sphere


def photo(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)


@pytest.mark.parametrize("size", [(97, 131), (64, 33), (1, 1), (200, 50)])
@pytest.mark.parametrize("supersample", [1, 2, 3])
def test_odd_sizes(head: FlameAssets, heads_m: Tensor, size: tuple[int, int], supersample: int) -> None:
    image = photo(size)
    before = image.copy()
    view = camera(size, 2.0 * max(size))
    drawn = overlay(image, heads_m[1], head.faces, view, head, OverlayStyle(supersample=supersample))
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert np.array_equal(image, before)
    assert (drawn != image).any()


def test_blend_covers_the_mesh_and_nothing_else() -> None:
    verts, faces = sphere(20, 0.2)
    image = photo((90, 110))
    view = camera((90, 110), 150.0, (10.0, -5.0))
    solid = overlay(image, verts - torch.tensor([0.0, 0, 1]), faces, view, None, OverlayStyle(1.0, contours=False))
    rows, columns = np.nonzero((solid != image).any(-1))
    # The sphere's outline: centre (65, 40), radius 150 tan(asin 0.2), stretched by 1.07 upwards.
    radius = 150 * np.tan(np.arcsin(0.2))
    assert columns.min() == pytest.approx(65 - radius, abs=1.5)
    assert columns.max() + 1 == pytest.approx(65 + radius, abs=1.5)
    assert rows.min() == pytest.approx(40 - 1.07 * radius, abs=1.5)
    assert rows.max() + 1 == pytest.approx(40 + 1.07 * radius, abs=1.5)


def test_opacity_mixes_photo_and_mesh() -> None:
    verts, faces = sphere(20, 0.2)
    image, view = photo((40, 40)), camera((40, 40), 60.0)
    drawn = {
        opacity: overlay(
            image, verts - torch.tensor([0.0, 0, 1]), faces, view, None, OverlayStyle(opacity, contours=False)
        ).astype(float)
        for opacity in (0.0, 0.5, 1.0)
    }
    assert np.array_equal(drawn[0.0], image)
    assert np.abs(drawn[0.5] - (drawn[0.0] + drawn[1.0]) / 2).max() <= 1.0


@pytest.mark.parametrize(
    "shift", [(0.25, 0.0, -0.5), (0.0, 0.3, -0.5), (5.0, 0.0, -0.5), (0.0, 0.0, 1.0), (0.0, 0.0, -0.08)]
)
def test_a_mesh_partly_or_wholly_outside(head: FlameAssets, shift: tuple[float, float, float]) -> None:
    image, view = photo((80, 60)), camera((80, 60), 120.0)
    drawn = overlay(image, head.v_template + torch.tensor(shift), head.faces, view, head)
    assert drawn.shape == image.shape
    if shift[0] == 5.0 or shift[2] == 1.0:
        assert np.array_equal(drawn, image)


def test_dots_are_centred_on_their_points() -> None:
    drawn = draw_points(np.zeros((21, 21, 3), np.uint8), np.array([[10.5, 6.5]]), (255, 255, 255), 3.0)
    weight = drawn[..., 0].astype(float)
    rows, columns = np.mgrid[:21, :21] + 0.5
    assert (columns * weight).sum() / weight.sum() == pytest.approx(10.5, abs=0.05)
    assert (rows * weight).sum() / weight.sum() == pytest.approx(6.5, abs=0.05)


def test_errors_say_what_is_wrong(head: FlameAssets, heads_m: Tensor) -> None:
    view = camera((20, 30), 50.0)
    with pytest.raises(ValueError, match="uint8"):
        overlay(photo((20, 30)) / 255, heads_m[0], head.faces, view)
    with pytest.raises(ValueError, match=r"Camera\.warped"):
        overlay(photo((30, 20)), heads_m[0], head.faces, view)
    with pytest.raises(ValueError, match="index the batch"):
        overlay(photo((20, 30)), heads_m, head.faces, view)


def test_parts_of_the_open_head(head: FlameAssets) -> None:
    part = surface_of_vertex(head)
    for name in SURFACES:
        assert (part == SURFACES.index(name)).sum() > 50, name
    assert torch.equal(part == SURFACES.index("eyes"), head.region("eyes"))
    cosine = eye_axis_cosine(head)
    assert (cosine[~head.region("eyes")] == -1).all()
    iris = head.v_template[(cosine > IRIS_COSINE) & head.region("left_eye")]
    assert (iris[:, 2] > head.v_template[head.region("left_eye")][:, 2].mean()).all()
    assert 0.008 < float((iris.amax(0) - iris.amin(0))[0]) < 0.0125
