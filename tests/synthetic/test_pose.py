"""Who and how: identities, expressions, gaze, pose and framing of the portraits."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel, FlameOutput
from shared.flame.points import FlamePoints
from shared.geometry.camera import Camera
from shared.geometry.rotation import axis_angle_to_matrix
from shared.render.rasterizer import rasterize
from shared.synthetic.pose.expressions import LIMITS, draw_posed, draw_resting, plausible
from shared.synthetic.pose.framing import FOCAL_35MM, NEAREST_M
from shared.synthetic.pose.gaze import MAX_SIDEWAYS, MAX_UPWARDS, lid_gaps
from shared.synthetic.pose.identity import draw_identity
from shared.synthetic.pose.recipes import EMOTIONS, EXTREMES, RESTING, VISEMES
from shared.synthetic.pose.shot import Kind, Shot, draw_shot
from shared.synthetic.pose.views import MAX_NECK, MAX_PITCH, MAX_ROLL, angles, towards_camera, turn

SIZE = (200, 260)
N = 150


@dataclass(frozen=True, eq=False)
class Taken:
    """A shot with the head it shows."""

    shot: Shot
    posed: FlameOutput
    marks_m: Tensor  # (478, 3) world
    skull: Tensor  # (3, 3)


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


def points(model: FlameModel) -> FlamePoints:
    return FlamePoints.from_embedding(model, model.assets.landmarks["mediapipe"])


@torch.no_grad()
def _take(model: FlameModel, kind: Kind, number: int) -> Taken:
    rng = np.random.default_rng([5, number])
    shot = draw_shot(model, points(model), draw_identity(model, rng), kind, SIZE, rng)
    posed = model(shot.params)
    marks = model.assets.landmarks["mediapipe"].positions(posed.verts_m, model.faces)
    skull = axis_angle_to_matrix(shot.params.global_rot) @ axis_angle_to_matrix(shot.params.neck)
    return Taken(shot, posed, marks, skull)


@pytest.fixture(scope="module")
def posed(model: FlameModel) -> list[Taken]:
    return [_take(model, "posed", number) for number in range(N)]


@pytest.fixture(scope="module")
def neutral(model: FlameModel) -> list[Taken]:
    return [_take(model, "neutral", number) for number in range(N)]


@pytest.fixture(scope="module")
def profile(model: FlameModel) -> list[Taken]:
    return [_take(model, "profile", number) for number in range(40)]


@pytest.fixture(scope="module")
def everything(posed: list[Taken], neutral: list[Taken], profile: list[Taken]) -> list[Taken]:
    return posed + neutral + profile


def test_a_shot_follows_from_its_generator_alone(model: FlameModel) -> None:
    first, again, other = (_take(model, "posed", number).shot for number in (1, 1, 2))
    for field in fields(first.params):
        assert torch.equal(getattr(first.params, field.name), getattr(again.params, field.name)), field.name
    assert torch.equal(first.camera.center_px, again.camera.center_px)
    assert not torch.equal(first.params.expression, other.params.expression)


def test_recipes_name_real_units_in_range(model: FlameModel) -> None:
    assert model.assets.arkit is not None
    names = set(model.assets.arkit.names)
    for recipe in (*EMOTIONS, *VISEMES, *EXTREMES, *RESTING):
        for name in recipe.units:
            assert name in names or {f"{name}Left", f"{name}Right"} <= names, (recipe.name, name)
        assert all(f"{name}Left" in names for name in recipe.one_side), recipe.name
        for low, high in (*recipe.units.values(), *recipe.one_side.values()):
            assert 0 <= low <= high <= 1


def test_expressions_keep_their_limits_and_use_all_that_makes_sense(model: FlameModel) -> None:
    assert model.assets.arkit is not None
    rng, seen = np.random.default_rng(0), set()
    for _ in range(1500):
        units = draw_posed(rng)
        seen |= units.keys()
        assert all(0 < value <= LIMITS.get(name, 1.0) for name, value in units.items())
        assert units.get("mouthClose", 0.0) <= units.get("jawOpen", 0.0)
        assert not {"mouthLeft", "mouthRight"} <= units.keys()
        assert not {"jawLeft", "jawRight"} <= units.keys()
    gaze = {name for name in model.assets.arkit.names if name.startswith("eyeLook")}
    assert seen == set(model.assets.arkit.names) - gaze - {"tongueOut"}


def test_resting_faces_are_near_neutral_and_posed_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    resting = [max(draw_resting(rng).values(), default=0.0) for _ in range(400)]
    posed = [max(draw_posed(rng).values(), default=0.0) for _ in range(400)]
    assert max(resting) < 0.3
    assert 0.1 < np.mean(np.array(resting) == 0) < 0.4
    assert np.median(posed) > 0.5


def test_mouth_close_needs_an_open_jaw() -> None:
    assert "mouthClose" not in plausible({"mouthClose": 0.6})
    assert plausible({"mouthClose": 0.6, "jawOpen": 0.3})["mouthClose"] == 0.3


@pytest.mark.slow
def test_skull_turns_as_stated_and_the_neck_within_its_limit(everything: list[Taken]) -> None:
    for taken in everything:
        shot = taken.shot
        sight = towards_camera(taken.marks_m.mean(0).double().numpy())
        stated = sight * turn(shot.yaw_rad, shot.pitch_rad, shot.roll_rad)
        assert torch.allclose(taken.skull, torch.tensor(stated.as_matrix(), dtype=torch.float32), atol=5e-3)
        assert shot.params.neck.norm() <= MAX_NECK + 1e-5
        if abs(shot.yaw_rad) < 1.45:  # from the very side pitch and roll are one turn
            assert abs(shot.pitch_rad) <= MAX_PITCH + 0.1
            assert abs(shot.roll_rad) <= MAX_ROLL + 0.1


@pytest.mark.parametrize("place", [(0.0, 0, -1), (0.4, 0.3, -0.7), (-0.5, 0.2, -0.4)])
def test_a_head_that_looks_into_the_camera_has_no_angles(place: tuple[float, float, float]) -> None:
    straight = towards_camera(np.array(place))
    assert np.allclose(straight.apply([0, 0, 1]), -np.array(place) / np.linalg.norm(place))
    assert straight.apply([1, 0, 0])[1] == pytest.approx(0)  # upright
    assert np.allclose(angles(straight, np.array(place)), 0)
    assert np.allclose(angles(straight * turn(0.5, -0.2, 0.3), np.array(place)), (0.5, -0.2, 0.3))


def test_signs_of_the_angles() -> None:
    assert turn(0.5, 0, 0).apply([0, 0, 1])[0] > 0.4  # to the subject's left
    assert turn(0, 0.5, 0).apply([0, 0, 1])[1] > 0.4  # up
    assert turn(0, 0, 0.5).apply([0, 1, 0])[0] < -0.4  # the crown to the subject's right


def test_trunk_stays_more_upright_than_the_head(posed: list[Taken]) -> None:
    def tilt(rotation: Tensor) -> float:
        return math.acos(min(1.0, float(rotation[1, 1])))

    trunks = [tilt(axis_angle_to_matrix(taken.shot.params.global_rot)) for taken in posed]
    assert np.mean(trunks) < 0.5 * np.mean([tilt(taken.skull) for taken in posed])


def test_views_are_spread_as_promised(posed: list[Taken], profile: list[Taken]) -> None:
    yaw = np.degrees([taken.shot.yaw_rad for taken in posed])
    assert 0.5 < np.mean(abs(yaw) <= 20) < 0.75
    assert 50 < abs(yaw).max() <= 65
    assert abs(yaw.mean()) < 6
    assert 8 < np.degrees(np.std([taken.shot.pitch_rad for taken in posed])) < 15
    assert 6 < np.degrees(np.std([taken.shot.roll_rad for taken in posed])) < 13
    sideways = np.degrees([taken.shot.yaw_rad for taken in profile])
    assert ((abs(sideways) >= 53) & (abs(sideways) <= 97)).all()
    assert sideways.min() < 0 < sideways.max()


def test_cameras_are_spread_as_promised(everything: list[Taken]) -> None:
    focal = np.array([taken.shot.focal_35mm for taken in everything])
    assert FOCAL_35MM[0] <= focal.min() < 20
    assert 90 < focal.max() <= FOCAL_35MM[1]
    middle = torch.tensor([SIZE[1] / 2, SIZE[0] / 2])
    off = torch.stack([(taken.shot.camera.center_px - middle) / (2 * middle) for taken in everything]).abs()
    assert off.max() <= 0.15 + 1e-6
    assert 0.25 < (off.amax(1) > 0).float().mean() < 0.45


def test_faces_are_inside_but_for_a_few_and_not_too_near(everything: list[Taken]) -> None:
    extent, cut = torch.tensor([SIZE[1], SIZE[0]]), []
    for taken in everything:
        pixels = taken.shot.camera.project(taken.marks_m)
        low, high = pixels.amin(0), pixels.amax(0)
        beyond = (torch.maximum(-low, high - extent) / (high - low)).max()
        cut.append(float(beyond))
        assert float(-taken.marks_m[:, 2].max()) > NEAREST_M - 0.002
        assert 0.2 < float((high - low)[1] / extent[1]) < 1.3
    assert max(cut) < 0.34
    assert 0.01 < np.mean(np.array(cut) > 0.002) < 0.08


def test_faces_have_the_promised_size(neutral: list[Taken]) -> None:
    heights = []
    for taken in neutral:
        depth = -float(taken.marks_m[:, 2].mean())
        heights.append(float(taken.shot.camera.focal_px[0]) * 0.2 / depth / SIZE[0])
    assert min(heights) > 0.25
    assert max(heights) < 0.8
    assert np.mean((np.array(heights) > 0.38) & (np.array(heights) < 0.65)) > 0.6


def test_who_looks_at_the_camera_does(everything: list[Taken]) -> None:
    at_camera = [taken for taken in everything if taken.shot.gaze == "camera"]
    assert len(at_camera) > 0.3 * len(everything)
    for taken in at_camera:
        for eye in (0, 1):
            line = taken.skull @ axis_angle_to_matrix(taken.shot.params.eyes[eye])[:, 2]
            to_camera = -taken.posed.joints_m[3 + eye]
            assert torch.dot(line, to_camera / to_camera.norm()) > math.cos(math.radians(2))


def test_eyes_stay_within_their_limits_and_move_together(everything: list[Taken]) -> None:
    eyes = torch.stack([taken.shot.params.eyes for taken in everything])
    assert eyes[..., 0].abs().max() <= MAX_UPWARDS + 1e-5
    assert eyes[..., 1].abs().max() <= MAX_SIDEWAYS + 1e-5
    assert (eyes[..., 2] == 0).all()
    vergence = eyes[:, 1, 1] - eyes[:, 0, 1]  # positive: the lines of sight meet in front
    assert vergence.min() > -1e-4
    assert vergence.max() < math.radians(16)


def test_lids_meet_without_passing_each_other(everything: list[Taken]) -> None:
    gaps = torch.stack([lid_gaps(taken.marks_m, taken.skull[:, 1]) for taken in everything])
    assert gaps.min() > -0.0003  # metres
    assert 0.01 < (gaps.amax(1) < 0.0005).float().mean() < 0.15
    assert all((taken.shot.params.eyelids == 0).all() for taken in everything)


def test_identities_vary_and_none_shows_its_mouth_through_the_skin(model: FlameModel) -> None:
    rng = np.random.default_rng(3)
    codes = torch.stack([draw_identity(model, rng) for _ in range(80)])
    assert 0.95 < codes.std() < 1.05, "as people do"
    assert codes.abs().max() <= 3
    inside = model.assets.region("mouth_interior")[model.faces].all(1)
    camera = Camera.at_origin(torch.tensor(1100.0), (250, 250))
    shown = []
    for one in codes[:50]:
        params = replace(model.neutral_params(), shape=one, translation=torch.tensor([0.0, 0.03, -0.95]))
        face = rasterize(camera.world_to_cam(model(params).verts_m), model.faces, camera).face_index
        shown.append(int(inside[face[face >= 0]].sum()))
    assert max(shown) <= 3  # pixels; the lips are closed


def test_a_head_without_units_is_refused(model: FlameModel) -> None:
    bare = FlameModel(replace(model.assets, arkit=None))
    with pytest.raises(ValueError, match="ARKit"):
        draw_shot(bare, points(bare), torch.zeros(bare.n_shape), "posed", SIZE, np.random.default_rng(0))
