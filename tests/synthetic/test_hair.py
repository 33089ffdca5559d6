"""Procedural hair on the open head."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from shared.flame.assets import load_flame
from shared.flame.landmarks import OUTER_LIPS
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.segmentation import Part
from shared.geometry.camera import Camera
from shared.geometry.closest import closest_points
from shared.geometry.meshes import face_normals
from shared.synthetic.hair.dresser import HairDresser
from shared.synthetic.hair.styles import STYLES, HairLook
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import PosedHead, Surface
from shared.synthetic.studio import pose_head

NAMES = [style.name for style in STYLES if style.name != "bald"]
TRAITS = Traits(melanin=0.4, age=0.3, presentation=0.6, hair_rgb=(0.1, 0.06, 0.03), beard=0.9)


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


@pytest.fixture(scope="module")
def dresser(model: FlameModel) -> HairDresser:
    return HairDresser.of(model.assets)


def posed(model: FlameModel, seed: int = 0, **pose: torch.Tensor) -> PosedHead:
    shape = torch.from_numpy(np.random.default_rng(seed).normal(0, 0.8, model.n_shape).astype(np.float32))
    params: FlameParams = replace(model.neutral_params(), shape=shape, **pose)
    return pose_head(model, model.assets, params, Camera.at_origin(torch.tensor(600.0), (256, 256)))


def height_m(head: PosedHead, points: torch.Tensor) -> np.ndarray:
    """(N,) signed heights of points above the head's skin, metres; NaN where the nearest skin is not the scalp's."""
    faces = head.assets.faces
    near = closest_points(points.numpy(), head.verts_m.numpy(), faces.numpy())
    normal = face_normals(head.verts_m, faces)[near.face_index].numpy()
    height = ((points.numpy() - near.points) * normal).sum(1)
    sign = np.where(height < 0, -1.0, 1.0)
    return np.where(head.assets.region("scalp")[faces[near.face_index]].all(1).numpy(), sign * near.distance, np.nan)


def stacked(surfaces: list[Surface]) -> torch.Tensor:
    return torch.cat([surface.verts_m for surface in surfaces])


def covered_points(surface: Surface, count: int = 20000) -> torch.Tensor:
    """(N, 3) random points of a surface where it is more than half opaque, world."""
    assert surface.uv is not None
    assert surface.cover is not None
    rng = np.random.default_rng(0)
    face = torch.from_numpy(rng.integers(0, len(surface.faces), count))
    weights = torch.from_numpy(rng.dirichlet((1, 1, 1), count).astype(np.float32))
    uv = (surface.uv[face] * weights[..., None]).sum(1)
    height, width = surface.cover.shape
    opaque = surface.cover[(uv[:, 1] * height).long() % height, (uv[:, 0] * width).long() % width] > 127
    return (surface.verts_m[surface.faces[face]] * weights[..., None]).sum(1)[opaque]


@pytest.mark.parametrize("name", NAMES)
def test_hair_stays_out_of_the_skull_within_its_budget(name: str, model: FlameModel, dresser: HairDresser) -> None:
    head = posed(model, seed=NAMES.index(name))
    surfaces = dresser.surfaces(head, HairLook.of_style(name, 3), TRAITS, under_hat=False)
    assert sum(len(surface.faces) for surface in surfaces) <= 25_500
    assert all(surface.part == Part.HAIR and surface.verts_m.isfinite().all() for surface in surfaces)
    heights = height_m(head, stacked(surfaces))
    assert np.nanmin(heights) > -0.002


def test_the_same_look_gives_the_same_hair(model: FlameModel, dresser: HairDresser) -> None:
    first, again = (HairLook.draw(np.random.default_rng(5), TRAITS) for _ in range(2))
    assert first == again
    head = posed(model)
    one, two = (dresser.surfaces(head, HairLook.of_style("messy", 3), TRAITS, False) for _ in range(2))
    assert torch.equal(stacked(one), stacked(two))
    other = dresser.surfaces(head, HairLook.of_style("messy", 4), TRAITS, False)
    assert not torch.equal(stacked(one)[-100:], stacked(other)[-100:])


@pytest.mark.parametrize("name", ["buzz cut", "messy", "long wavy", "bun"])
def test_hair_moves_with_the_head(name: str, model: FlameModel, dresser: HairDresser) -> None:
    turn, shift = torch.tensor([0.2, 0.7, -0.1]), torch.tensor([0.1, 0.2, -1.5])
    still, moved = posed(model), posed(model, global_rot=turn, translation=shift)
    look = HairLook.of_style(name, 3)
    before, after = (stacked(dresser.surfaces(head, look, TRAITS, False)) for head in (still, moved))
    expected = before @ moved.T_world_skull[:3, :3].T + moved.T_world_skull[:3, 3]
    assert (after - expected).abs().max() < 1e-4


def test_long_hair_rests_on_the_trunk_when_the_neck_turns(model: FlameModel, dresser: HairDresser) -> None:
    look = HairLook.of_style("long straight", 3)
    still, turned = posed(model), posed(model, neck=torch.tensor([0.0, 0.6, 0.0]))
    before, after = (stacked(dresser.surfaces(head, look, TRAITS, False)) for head in (still, turned))
    lowest = before[:, 1] < before[:, 1].min() + 0.03
    assert (after - before)[lowest].norm(dim=1).max() < 1e-3
    top = before[:, 1] > 0.1
    assert (after - turned.skull_to_world(before))[top].norm(dim=1).max() < 2e-3


def test_hair_follows_the_shape_of_the_head(model: FlameModel, dresser: HairDresser) -> None:
    look = HairLook.of_style("bob", 3)
    one, other = posed(model, seed=1), posed(model, seed=2)
    first, second = (dresser.surfaces(head, look, TRAITS, False)[1].verts_m for head in (one, other))
    for head, points in ((one, first), (other, second)):
        height = height_m(head, points)
        assert np.nanpercentile(height, 90) < 0.06
    assert (first - second).norm(dim=1).mean() > 5e-4


@pytest.mark.parametrize("name", NAMES)
def test_under_a_hat_the_top_is_flat(name: str, model: FlameModel, dresser: HairDresser) -> None:
    head = posed(model)
    points = stacked(dresser.surfaces(head, HairLook.of_style(name, 3), TRAITS, under_hat=True))
    on_top = points[points[:, 1] > float(head.neutral_landmarks_m[10, 1])]  # above the top of the face's oval
    near = closest_points(on_top.numpy(), head.verts_m.numpy(), head.assets.faces.numpy())
    assert near.distance.max() < 0.0055


def test_the_bald_have_no_hair(model: FlameModel, dresser: HairDresser) -> None:
    assert dresser.surfaces(posed(model), HairLook.of_style("bald"), TRAITS, False) == []


def test_a_tenth_is_bald_and_all_styles_occur() -> None:
    rng = np.random.default_rng(0)
    drawn = [HairLook.draw(rng, Traits.draw(rng)).style for _ in range(4000)]
    assert 0.06 < drawn.count("bald") / len(drawn) < 0.14
    assert set(drawn) == {style.name for style in STYLES}


def test_beards_leave_the_lips_free_and_open_with_the_jaw(model: FlameModel, dresser: HairDresser) -> None:
    look = HairLook.of_style("crop", 3)
    shut, opened = posed(model), posed(model, jaw=torch.tensor([0.3, 0.0, 0.0]))
    assert dresser.beard(shut, replace(TRAITS, beard=0.3), look) == []
    for beard, seed in ((0.5, 1), (1.0, 2), (1.0, 3), (1.0, 4)):
        surfaces = dresser.beard(shut, replace(TRAITS, beard=beard), replace(look, seed=seed))
        points = torch.cat([covered_points(surface) for surface in surfaces])
        assert len(points) > 1000
        marks = shut.landmarks_m()[list(OUTER_LIPS)]
        lips = (marks.mean(0) + 0.85 * (marks - marks.mean(0)))[:, :2].numpy()
        front = points[points[:, 2] > marks[:, 2].min()][:, :2].numpy()
        inside = [cv2.pointPolygonTest((1e3 * lips)[:, None], (1e3 * p).tolist(), False) > 0 for p in front]
        assert np.mean(inside) < 0.002
    before, after = (stacked(dresser.beard(head, TRAITS, look)) for head in (shut, opened))
    assert before[:, 1].min() - after[:, 1].min() > 0.008  # the chin takes it along
