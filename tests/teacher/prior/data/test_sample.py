"""Samples: picture, maps, points and landmarks stay together through crop, roll, scale, shift and mirror."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.flame.params import FlameParams
from shared.flame.segmentation import Part
from shared.geometry.camera import Camera
from shared.geometry.face_crop import R_crop_camera, face_crop
from shared.records.tensor_record import stack
from shared.synthetic.storage.detection import Detection
from teacher.config import PriorAugmentConfig, PriorDataConfig
from teacher.prior.data.face_view import SampleError
from teacher.prior.data.sample import SampleMaker
from teacher.prior.data.warp import MapWarp
from teacher.prior.geometry.crops import prior_input
from teacher.prior.records import Frame, PriorSample
from tests.teacher.prior.data.plain_portrait import (
    SIZE,
    detection,
    found_landmarks,
    head,
    maps_of,
    plain_portrait,
    portrait,
    vertices,
)

CROP = 128
STRAIGHT = PriorAugmentConfig(roll_deg=0, log_scale=0, shift=0, mirror=0, photometric=0, cover=0)
MOVING = replace(STRAIGHT, roll_deg=25, log_scale=0.1, shift=0.05)
MIRRORED = replace(MOVING, mirror=1)


@cache
def exact_maker() -> SampleMaker:
    return SampleMaker.of(head().assets, PriorDataConfig(), None, CROP, vertices())


def maker(augment: PriorAugmentConfig | None = None, frame: Frame = "crop", landmark_share: float = 1.0) -> SampleMaker:
    config = PriorDataConfig(landmark_share=landmark_share, normals=frame)
    return replace(exact_maker(), config=config, augment=augment)


def drawn(augment: PriorAugmentConfig, index: int, frame: Frame = "crop") -> PriorSample:
    one = portrait(index)
    return maker(augment, frame).sample(one, detection(one), np.random.default_rng(index), index)


def angles_deg(a: Tensor, b: Tensor) -> Tensor:
    return torch.rad2deg(2 * torch.asin(((a - b).norm(dim=0) / 2).clamp(0, 1)))


@pytest.mark.parametrize("index", range(3))
def test_the_picture_moves_as_the_maps(index: int) -> None:
    sample = drawn(MOVING, index)
    target = sample.target
    assert target.uv_mask.sum() > 1000
    off = (sample.input.image[:2] - target.uv)[:, target.uv_mask].abs()
    assert off.max() < 1.5 / 255  # the picture's colours are its UV
    right = (sample.input.image[:2] - target.uv.roll(2, 2))[:, target.uv_mask & target.uv_mask.roll(2, 1)].abs()
    assert right.amax(0).mean() > 2 * off.amax(0).mean()  # and would not be two pixels away


@pytest.mark.parametrize("augment", [MOVING, MIRRORED])
def test_points_lie_where_the_map_shows_their_uv(augment: PriorAugmentConfig) -> None:
    assets = head().assets
    uv_of = torch.zeros(assets.n_vertices, 2)
    uv_of[assets.faces.flatten()] = assets.uv[assets.uv_faces.flatten()]  # any one of those of a seam's vertex
    off = []
    for index in range(3):
        target = drawn(augment, index).target
        column, row = target.points_px.long().clamp(0, CROP - 1).unbind(1)
        seen = target.points_visible & target.uv_mask[row, column]
        off.append((target.uv[:, row, column].T - uv_of[vertices()])[seen].norm(dim=1))
    joined = torch.cat(off)
    assert len(joined) > 150
    assert joined.median() < 0.003  # half a pixel
    assert joined.quantile(0.95) < 0.01


@pytest.mark.parametrize("frame", ["crop", "camera", "head"])
def test_normals_are_those_of_a_camera_that_rolled(frame: Frame) -> None:
    one = portrait(4)
    truth = one.truth
    view = maker().views.view(one, None)
    warp = MapWarp(face_crop(truth.landmarks_px, CROP), roll_rad=0.5)
    cut = maker(frame=frame)._target(view, warp, None)
    camera = truth.camera.warped(warp.crop.affine, warp.crop.size)
    turn = torch.from_numpy(warp.turn).float()
    middle = torch.full((2,), CROP / 2)
    T_cam_world = camera.T_cam_world.clone()
    T_cam_world[:3] = turn @ T_cam_world[:3]
    rolled = replace(camera, T_cam_world=T_cam_world, center_px=turn[:2, :2] @ (camera.center_px - middle) + middle)
    maps = maps_of(truth.params, rolled)
    identity = face_crop(truth.landmarks_px, CROP)
    identity = replace(identity, affine=torch.eye(3)[:2])
    to_frame = torch.eye(3)
    if frame == "crop":
        to_frame = R_crop_camera(rolled, identity)
    elif frame == "head":
        assert view.R_cam_head is not None
        to_frame = view.R_cam_head.T @ turn.T
    wanted = torch.einsum("ij,jhw->ihw", to_frame, maps.normal)
    both = cut.normal_mask & maps.mask
    assert both.sum() > 2000
    off = angles_deg(cut.normal, wanted)[both]
    assert off.median() < 0.5  # 0.9 if the crop's middle were not turned to
    assert off.quantile(0.8) < 2.0  # the rest are folds that 128 pixels don't resolve
    points = rolled.project(head()(truth.params).verts_m[vertices()])
    assert (points - cut.points_px).abs().max() < 0.01


@pytest.mark.parametrize("frame", ["crop", "camera", "head"])
def test_a_mirrored_picture_is_the_picture_of_the_mirrored_head(frame: Frame) -> None:
    def seen(side: float, mirrored: bool) -> PriorSample:
        neutral = head().neutral_params()
        params = replace(
            neutral,
            global_rot=torch.tensor([0.1, 0.5 * side, 0.2 * side]),
            translation=torch.tensor([0.03 * side, 0.02, -0.6]),
        )
        one = plain_portrait(params, Camera.at_origin(torch.tensor(230.0), (SIZE, SIZE)))
        augment = replace(STRAIGHT, mirror=float(mirrored))
        return maker(augment, frame).sample(
            one, Detection(one.truth.landmarks_px, torch.zeros(52)), np.random.default_rng(0), 0
        )

    mirrored, direct = seen(1.0, True), seen(-1.0, False)
    both = mirrored.target.uv_mask & direct.target.uv_mask
    assert both.sum() > 0.9 * direct.target.uv_mask.sum()
    assert (mirrored.target.uv - direct.target.uv)[:, both].abs().quantile(0.99) < 0.004
    assert angles_deg(mirrored.target.normal, direct.target.normal)[both].mean() < 1.0
    assert (mirrored.target.points_px - direct.target.points_px).abs().max() < 0.1
    assert (mirrored.target.points_visible == direct.target.points_visible).float().mean() > 0.95
    assert (mirrored.input.landmarks_px - direct.input.landmarks_px).abs().max() < 1.0
    assert (mirrored.target.part == direct.target.part).float().mean() > 0.97


def test_without_variation_the_input_is_that_of_a_prediction() -> None:
    one, making = portrait(0), maker()
    found = found_landmarks(one)
    sample = making.sample(one, detection(one), np.random.default_rng(0), 7)
    wanted = prior_input(one.image, face_crop(found, CROP), found, making.hints)
    assert torch.equal(sample.input.image, wanted.image)
    assert (sample.input.landmarks_px - wanted.landmarks_px).abs().max() < 1e-3
    assert (sample.input.landmark_maps - wanted.landmark_maps).abs().mean() < 1e-4
    assert bool(sample.input.has_landmarks)
    assert int(sample.index) == 7


def test_masks_hold_seen_skin_and_nothing_else() -> None:
    part = portrait(1).truth.part.clone()
    part[: SIZE // 2, : SIZE // 2] = int(Part.OCCLUDER)
    one = replace(portrait(1), truth=replace(portrait(1).truth, part=part))
    target = maker().sample(one, None, np.random.default_rng(0), 0).target
    parts = set(target.part[target.uv_mask].tolist())
    assert parts <= {Part.SKIN, Part.BROWS, Part.NECK}
    assert set(target.part.unique().tolist()) > {Part.EYES, Part.OCCLUDER, Part.BACKGROUND}
    skin = target.part == int(Part.SKIN)
    assert (target.uv_mask & skin).sum() > 0.75 * skin.sum()
    assert torch.equal(target.uv_mask, target.normal_mask)
    assert not target.hidden[target.part != int(Part.OCCLUDER)].any()
    assert target.uv[:, ~(target.uv_mask | target.hidden)].abs().max() == 0
    assert target.normal[:, ~(target.normal_mask | target.hidden)].abs().max() == 0
    assert (target.normal[:, target.normal_mask].norm(dim=0) - 1).abs().max() < 1e-4


def test_no_value_is_mixed_across_a_jump_of_the_surface() -> None:
    view = maker().views.view(portrait(0), None)
    middle = SIZE // 2
    uv = np.zeros((SIZE, SIZE, 2), np.float32)
    uv[:, middle:] = 0.2
    flat = replace(view, uv=uv, valid=np.ones((SIZE, SIZE), bool))
    crop = face_crop(torch.tensor([[30.0, 30.0], [90.0, 90.0]]), 4 * SIZE)
    _, sampled, safe, _ = MapWarp(crop).surface(flat)
    clean = (np.abs(sampled[..., 0]) < 0.006) | (np.abs(sampled[..., 0] - 0.2) < 0.006)
    assert not clean.all()
    assert clean[safe].all()


def test_a_patch_hides_what_is_under_it() -> None:
    plain, patched = drawn(STRAIGHT, 2), drawn(replace(STRAIGHT, cover=1), 2)
    under = patched.target.part != plain.target.part
    assert under.any()
    assert (patched.target.part[under] == int(Part.OCCLUDER)).all()
    assert not patched.target.uv_mask[under].any()
    assert torch.equal(patched.target.uv_mask, plain.target.uv_mask & (patched.target.part != int(Part.OCCLUDER)))
    assert torch.equal(patched.target.uv_mask | patched.target.hidden, plain.target.uv_mask | plain.target.hidden)
    assert not (patched.target.uv_mask & patched.target.hidden).any()
    assert torch.equal(patched.target.uv, plain.target.uv)
    column, row = plain.target.points_px.long().clamp(0, CROP - 1).unbind(1)
    free = patched.target.part[row, column] != int(Part.OCCLUDER)
    assert torch.equal(patched.target.points_visible, plain.target.points_visible & free)
    assert torch.equal(patched.target.points_px, plain.target.points_px)


def test_landmarks_are_shown_at_the_configured_share() -> None:
    one, making = portrait(0), replace(maker(landmark_share=0.7), size=32)
    rng = np.random.default_rng(0)
    samples = stack([making.sample(one, detection(one), rng, 0) for _ in range(120)])
    shown = samples.input.has_landmarks
    assert 0.6 < shown.float().mean() < 0.8
    assert samples.input.landmarks_px[~shown].abs().max() == 0
    assert samples.input.landmark_maps[~shown].abs().max() == 0


def test_somebody_elses_landmarks_are_none() -> None:
    one, making = portrait(0), maker()
    other = 0.3 * one.truth.landmarks_px
    sample = making.sample(one, Detection(other, torch.zeros(52)), np.random.default_rng(0), 0)
    without = making.sample(one, None, np.random.default_rng(0), 0)
    assert not sample.input.has_landmarks
    assert torch.equal(sample.input.image, without.input.image)
    assert torch.equal(sample.target.points_px, without.target.points_px)


def test_scale_is_that_of_the_face() -> None:
    one = portrait(0)
    target = maker().sample(one, None, np.random.default_rng(0), 0).target
    camera, scale = one.truth.camera, float(face_crop(one.truth.landmarks_px, CROP).affine[0, 0])
    depth = camera.world_to_cam(head()(one.truth.params).verts_m)[:, 2].median()
    assert float(target.px_per_m) == pytest.approx(float(camera.focal_px[0] * scale / depth), rel=0.1)


def test_posed_vertices_are_those_of_the_model() -> None:
    params, camera = _moving_params(), Camera.at_origin(torch.tensor(230.0), (SIZE, SIZE))
    one = plain_portrait(params, camera)
    view = maker().views.view(one, None)
    wanted = camera.project(head()(params).verts_m[vertices()])
    assert (view.points_px - wanted).abs().max() < 1e-3


def _moving_params() -> FlameParams:
    generator = torch.Generator().manual_seed(0)
    neutral = head().neutral_params()
    moved = neutral.map(lambda t: t + 0.2 * torch.randn(t.shape, generator=generator))
    return replace(moved, translation=torch.tensor([0.0, 0.0, -0.7]), eyelids=torch.tensor([0.3, 0.8]))


def test_what_is_not_finite_is_no_sample() -> None:
    one = portrait(0)
    params = replace(one.truth.params, jaw=torch.tensor([math.nan, 0.0, 0.0]))
    broken = replace(one, truth=replace(one.truth, params=params))
    with pytest.raises(SampleError, match="NaN"):
        maker().sample(broken, None, np.random.default_rng(0), 0)
    with pytest.raises(SampleError, match="128x64"):
        maker().sample(replace(one, image=one.image[:64]), None, np.random.default_rng(0), 0)
