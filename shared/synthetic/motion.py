"""Rendered people in motion, and seen by several cameras: pictures with exact truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation, RotationSpline

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.schema import ArkitMap
from shared.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from shared.synthetic.people import Person
from shared.synthetic.pose.shot import Shot, draw_shot
from shared.synthetic.scene.streams import stream
from shared.synthetic.studio import PortraitStudio

_POSE_S, _FACE_S = 1.2, 0.5  # time from one drawn pose, and one drawn expression, to the next
_TURN = 0.6  # of the drawn poses, which are those of unrelated photos
_SWAY_M, _SWAY_HZ = (0.015, 0.01, 0.03), (0.4, 0.55, 0.3)
_BLINK_EVERY_S, _BLINK_S = 1.7, 0.2


def shots_in_motion(studio: PortraitStudio, seed: int, person: int, count: int, rate_hz: float) -> list[Shot]:
    """A person who moves, talks, grimaces and blinks before one camera that stands still.

    Poses and expressions are those of drawn photos, joined smoothly.
    """
    model = studio.model
    shape = Person.draw(seed, person, model, studio.library).shape
    keys = 3 + int(count / rate_hz / _FACE_S)
    drawn = [
        draw_shot(model, studio.marks, shape, "posed", studio.size, stream(seed, number, f"moving {person}"))
        for number in range(keys)
    ]
    first, times = drawn[0], np.arange(count) / rate_hz
    at_face = np.arange(keys) * _FACE_S

    def face(name: str) -> torch.Tensor:
        values = np.stack([getattr(shot.params, name).numpy() for shot in drawn])
        return torch.from_numpy(PchipInterpolator(at_face, values)(times)).float()

    def turn(name: str) -> torch.Tensor:
        turns = Rotation.from_rotvec(np.stack([_TURN * getattr(shot.params, name).numpy() for shot in drawn]))
        return torch.from_numpy(RotationSpline(np.arange(keys) * _POSE_S, turns)(times).as_rotvec()).float()

    sway = np.stack([s * np.sin(2 * np.pi * hz * times) for s, hz in zip(_SWAY_M, _SWAY_HZ, strict=True)], 1)
    arkit = model.assets.arkit
    assert arkit is not None
    moving = replace(
        model.neutral_params(count),
        shape=shape.expand(count, -1),
        expression=face("expression") + _blinks(arkit, times),
        jaw=face("jaw"),
        eyes=face("eyes"),
        global_rot=turn("global_rot"),
        neck=turn("neck"),
        translation=first.params.translation + torch.from_numpy(sway).float(),
    )
    return [replace(first, params=moving[number]) for number in range(count)]


def _blinks(arkit: ArkitMap, times: np.ndarray) -> torch.Tensor:
    """(T, E) expression codes of lids that shut now and then."""
    vector = torch.tensor([float(name.startswith("eyeBlink")) for name in arkit.names])
    since = (times + 0.5 * _BLINK_EVERY_S) % _BLINK_EVERY_S
    shut = np.where(since < _BLINK_S, np.sin(np.pi * since / _BLINK_S) ** 2, 0)
    return torch.from_numpy(shut).float()[:, None] * (arkit.expression @ vector)


def vertices_of(model: FlameModel, params: FlameParams) -> torch.Tensor:
    """(T, V, 3) world, metres; in parts, as memory allows."""
    count = len(params.translation)
    with torch.no_grad():
        return torch.cat([model(params[start : start + 32]).verts_m for start in range(0, count, 32)])


def seen_from(model: FlameModel, shot: Shot, turn_rad: float) -> tuple[Shot, torch.Tensor]:
    """What a second camera sees, which stands to the side of the first: the shot, and its pose in the first's world.

    It is the head that is turned, about its own middle, so that light and background stay those of the picture.

    Returns:
        The shot, and T_cam_world (4, 4) with the world of the first camera.
    """
    params, camera = shot.params, shot.camera
    with torch.no_grad():
        posed = model(params)
        root = model.rest_joints(model.coefficients(params))[0]
    middle = posed.verts_m[model.assets.region("face")].mean(0)
    turn = axis_angle_to_matrix(torch.tensor([0.0, turn_rad, 0.0]))
    T_turned = torch.eye(4)
    T_turned[:3, :3], T_turned[:3, 3] = turn, middle - turn @ middle
    moved = replace(
        params,
        global_rot=matrix_to_axis_angle(turn @ axis_angle_to_matrix(params.global_rot)),
        translation=turn @ (root + params.translation - middle) + middle - root,
    )
    return replace(shot, params=moved), camera.T_cam_world @ T_turned
