"""How a person is photographed: expression, gaze, pose of the head, and the camera."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from shared.flame.model import FlameModel, forward_kinematics, local_rotations
from shared.flame.params import FlameParams
from shared.flame.points import FlamePoints
from shared.flame.schema import ArkitMap, FlameAssets
from shared.geometry.camera import Camera
from shared.synthetic.pose.expressions import SIDES, Activations, draw_posed, draw_resting
from shared.synthetic.pose.framing import Framing
from shared.synthetic.pose.gaze import Gaze, close_lids, draw_target, lid_gaps, lid_travel, look_at
from shared.synthetic.pose.views import View, angles, towards_camera

Kind = Literal["neutral", "posed", "profile", "occluded"]
_JAW_SIDEWAYS_SD = {"neutral": 0.004, "posed": 0.015, "profile": 0.015, "occluded": 0.015}
_PROFILE_NEUTRAL_SHARE = 0.3


@dataclass(frozen=True)
class Shot:
    """One picture's geometry; the angles are those of the skull against the line of sight, see `View`."""

    params: FlameParams  # without leading dimensions, on the model's device
    camera: Camera  # at the world's origin, on the model's device
    kind: Kind
    yaw_rad: float
    pitch_rad: float
    roll_rad: float
    focal_35mm: float
    gaze: Gaze


@torch.no_grad()
def draw_shot(
    model: FlameModel, marks: FlamePoints, shape: Tensor, kind: Kind, size: tuple[int, int], rng: np.random.Generator
) -> Shot:
    """Photograph a person.

    Args:
        model: the head.
        marks: its "mediapipe" landmarks; to pose these alone takes a third of the time.
        shape: (S,) the person's identity codes.
        kind: of the picture.
        size: (height, width) of the picture in pixels.
        rng: where the draws come from.

    Raises:
        ValueError: the head has no ARKit units.
    """
    assets, device = model.assets, model.v_template.device
    if assets.arkit is None:
        raise ValueError(f"head {assets.name!r} has no ARKit units to draw expressions from")
    resting = kind == "neutral" or (kind == "profile" and rng.random() < _PROFILE_NEUTRAL_SHARE)
    units = draw_resting(rng) if resting else draw_posed(rng)
    jaw_sideways = float(rng.normal(0, _JAW_SIDEWAYS_SD[kind]))
    view, framing = View.draw(kind == "profile", rng), Framing.draw(rng)

    camera = framing.camera(size)
    root, neck, skull = view.rotations(_sight(assets, framing, camera, view))
    rotation = torch.tensor(skull.as_matrix(), dtype=torch.float32)
    shut = (units.pop("eyeBlinkLeft", 0.0), units.pop("eyeBlinkRight", 0.0))
    params = replace(
        model.neutral_params(),
        shape=shape.to(device),
        global_rot=torch.tensor(root.as_rotvec(), dtype=torch.float32, device=device),
        neck=torch.tensor(neck.as_rotvec(), dtype=torch.float32, device=device),
    )
    placed, eyes = _posed(model, marks, _with_face(params, assets.arkit, units, jaw_sideways))
    translation = framing.translation(placed, camera)

    # Gaze needs to know where the camera is, and the lids follow the gaze.
    eyes = ((eyes + translation) @ rotation).double().numpy()
    middle = eyes.mean(0)
    gaze, target = draw_target(-middle, rng)
    look = look_at(target, eyes - middle)
    blinks = lid_travel(assets, [f"eyeBlink{side}" for side in SIDES])
    gaps = lid_gaps(placed, rotation[:, 1]) + lid_travel(assets, list(look)) @ torch.tensor(list(look.values()))
    units = close_lids(units | look, shut, gaps, blinks.diagonal())
    params = _with_face(replace(params, translation=translation.to(device)), assets.arkit, units, jaw_sideways)
    seen = angles(skull, (placed.mean(0) + translation).double().numpy())
    return Shot(params, camera.to(device), kind, *seen, framing.focal_35mm, gaze)


def _posed(model: FlameModel, marks: FlamePoints, params: FlameParams) -> tuple[Tensor, Tensor]:
    """Landmarks (478, 3) and centres of the eyes (2, 3), world, on the CPU."""
    codes, rotations = model.coefficients(params), local_rotations(params)
    _, joints = forward_kinematics(rotations, model.rest_joints(codes))
    posed = marks.pose(codes[None], rotations[None], params.translation[None])
    return posed.position[0].cpu(), (joints[3:] + params.translation).cpu()


def _sight(assets: FlameAssets, framing: Framing, camera: Camera, view: View) -> Rotation:
    """The turn into the camera at the place where the face will be: settled on the mean head, before it is posed."""
    points = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces).cpu()
    points = points - points.mean(0)
    sight = towards_camera(framing.place(camera))
    for _ in range(2):
        rotation = torch.tensor(view.rotations(sight)[2].as_matrix(), dtype=torch.float32)
        sight = towards_camera(framing.translation(points @ rotation.T, camera).double().numpy())
    return sight


def _with_face(params: FlameParams, arkit: ArkitMap, units: Activations, jaw_sideways: float) -> FlameParams:
    """``params`` with the expression, the jaw and the eyes of ARKit activations."""
    vector, device = _vector(arkit, units), params.shape.device
    jaw = arkit.jaw @ vector + torch.tensor([0.0, jaw_sideways, 0.0])
    expression, eyes = arkit.expression @ vector, arkit.eyes @ vector
    return replace(params, expression=expression.to(device), jaw=jaw.to(device), eyes=eyes.to(device))


def _vector(arkit: ArkitMap, units: Activations) -> Tensor:
    """(52,) activations in the map's order."""
    return torch.tensor([units.get(name, 0.0) for name in arkit.names])
