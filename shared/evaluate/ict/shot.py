"""One picture of a painted head: where the camera stands, what light falls, what is behind."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.evaluate.ict.paint import Paint
from shared.geometry.camera import Camera
from shared.geometry.meshes import unit, vertex_normals
from shared.geometry.rotation import axis_angle_to_matrix
from shared.render.interpolate import at_vertices, surface_points
from shared.render.rasterizer import rasterize
from shared.render.shading import ambient_light, directional_light, irradiance
from shared.synthetic.scene.colour import linear_to_srgb
from shared.synthetic.surroundings.backgrounds import draw_background, draw_kind

SIDE = 512  # pixels of a picture
VIEWS_DEG = (-50.0, -28.0, -8.0, 8.0, 28.0, 50.0)  # yaw; positive where the face turns to the subject's left
LIGHTS = ("soft", "side", "top")
_JITTER_DEG, _PITCH_DEG, _ROLL_DEG = 9.0, 18.0, 8.0  # at most
_FOV_DEG, _PX_PER_M = (14.0, 42.0), (1020.0, 1420.0)
_OFF_CENTRE = 0.04  # of the side
_SUPERSAMPLE = 2
_EXPOSED = 0.32  # mean luminance of the face


@dataclass(frozen=True)
class Shot:
    """How one picture is taken."""

    yaw_deg: float
    pitch_deg: float  # positive where the face looks up
    roll_deg: float
    fov_deg: float
    light: str
    camera: Camera  # its world is the frame of the head

    @staticmethod
    def draw(rng: np.random.Generator, view: int) -> Shot:
        """A view of a head whose origin is between its eyes, some centimetres above the middle of the picture."""
        yaw = VIEWS_DEG[view] + rng.uniform(-_JITTER_DEG, _JITTER_DEG)
        pitch, roll = rng.uniform(-_PITCH_DEG, _PITCH_DEG), rng.uniform(-_ROLL_DEG, _ROLL_DEG)
        fov, px_per_m = rng.uniform(*_FOV_DEG), rng.uniform(*_PX_PER_M)
        focal = SIDE / 2 / math.tan(math.radians(fov / 2))
        distance = focal / px_per_m
        turn = (_about(2, -roll) @ _about(1, yaw) @ _about(0, -pitch)).double()
        shift = torch.tensor(rng.uniform(-_OFF_CENTRE, _OFF_CENTRE, 2) * SIDE / px_per_m)
        middle = turn @ torch.tensor([0.0, -0.03, -0.04], dtype=torch.float64)  # of the head, from between its eyes
        at_origin = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
        T_cam_head = torch.eye(4, dtype=torch.float64)
        T_cam_head[:3, :3] = at_origin @ turn
        T_cam_head[:3, 3] = at_origin @ (torch.tensor([*shift.tolist(), -distance], dtype=torch.float64) - middle)
        focal_px, centre = torch.full((2,), focal), torch.full((2,), SIDE / 2)
        camera = Camera(focal_px.double(), centre.double(), T_cam_head, (SIDE, SIDE))
        light = LIGHTS[rng.integers(len(LIGHTS))]
        return Shot(round(yaw, 2), round(pitch, 2), round(roll, 2), round(fov, 2), light, camera)


def take(shot: Shot, verts_m: Tensor, triangles: Tensor, paint: Paint, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the picture of painted vertices (V, 3), metres in the frame of the head."""
    fine = _float(shot.camera.resized((_SUPERSAMPLE * SIDE, _SUPERSAMPLE * SIDE)))
    light = _light(shot.light, rng)
    cam = fine.world_to_cam(verts_m.float())
    seen = surface_points(rasterize(cam, triangles, fine), cam, triangles, fine)
    values = at_vertices(seen, triangles, torch.cat([paint.values, vertex_normals(cam, triangles)], 1))
    albedo, normals = paint.albedo(values[:, :4]), unit(values[:, 4:])
    radiance = albedo * irradiance(normals, light) / math.pi
    picture = seen.scatter(torch.cat([radiance, torch.ones(len(radiance), 1)], 1)).permute(1, 2, 0).numpy()
    drawn, share = np.split(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), [3], 2)
    behind = draw_background(rng, draw_kind(rng), (SIDE, SIDE))
    level = float(drawn[share[..., 0] > 0.99].mean())
    exposure = (_EXPOSED / max(level, 1e-3)) ** 0.7
    picture = drawn * exposure + behind * (1 - share) * rng.uniform(0.4, 0.9)
    return (255 * linear_to_srgb(picture) + 0.5).astype(np.uint8)


def _light(kind: str, rng: np.random.Generator) -> Tensor:
    """(9, 3) coefficients in the frame of the camera (y down, z forward)."""
    warm = torch.tensor([1.0, 1.0 + rng.uniform(-0.06, 0.02), 1.0 + rng.uniform(-0.18, 0.06)], dtype=torch.float32)
    side = rng.choice((-1.0, 1.0))
    direction, strength, around = {
        "soft": ((0.3 * side, -0.5, -0.8), 1.6, 0.45),
        "side": ((0.85 * side, -0.35, -0.45), 2.2, 0.30),
        "top": ((0.2 * side, -0.85, -0.5), 2.0, 0.35),
    }[kind]
    towards = torch.nn.functional.normalize(torch.tensor(direction, dtype=torch.float32), dim=0)
    return ambient_light(around * torch.ones(3)) + directional_light(towards, strength * warm)


def _about(axis: int, degrees: float) -> Tensor:
    vector = torch.zeros(3)
    vector[axis] = math.radians(degrees)
    return axis_angle_to_matrix(vector)


def _float(camera: Camera) -> Camera:
    return Camera(camera.focal_px.float(), camera.center_px.float(), camera.T_cam_world.float(), camera.size)
