"""What stands between the camera and the face: other people's shoulders and heads, and things.

They are placed by what the camera sees: their edge comes to a chosen place of the face, so they cover a part of it
whatever the focal length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.synthetic.face.tones import base_tone
from shared.synthetic.hair.material import StrandMaterial
from shared.synthetic.occluders.head_fit import HeadFit
from shared.synthetic.occluders.look import OccluderLook, Rgb
from shared.synthetic.occluders.materials import Cloth, Plain, draw_colour
from shared.synthetic.occluders.shapes import Mesh, axes, ellipsoid, lathe, rounded_box, tube
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import Material, Surface


@dataclass(frozen=True)
class ForegroundLook(OccluderLook):
    """One thing nearer to the camera than the face."""

    nearness: float  # 0 at the face, 1 at the camera
    direction_deg: float  # where it comes from, in the picture: 0 from the right, -90 from below
    edge_m: float  # where its edge is seen, at the depth of the face: from its middle, against ``direction_deg``
    turn_deg: tuple[float, float, float]  # of things
    size_m: tuple[float, float, float]
    rgb: Rgb
    second_rgb: Rgb
    stripes: tuple[float, float]
    skin: Rgb  # of other people

    def surfaces(self, fit: HeadFit) -> list[Surface]:
        """Its meshes."""
        middle = fit.marks_m.mean(0)
        back = unit(fit.camera_m - middle)  # towards the camera
        view = axes(fit.T_world_skull[:3, :3].T @ fit.new([0.0, 1.0, 0.0]), back)
        # Columns: right and up in the picture, and the axis to the camera.
        up = unit(view[:, 1] - (view[:, 1] @ back) * back)
        view = torch.stack([torch.linalg.cross(up, back), up, back], 1)
        angle = math.radians(self.direction_deg)
        comes_from = fit.new([math.cos(angle), math.sin(angle), 0.0])
        parts = self._parts(fit, view)
        leading = parts[-1][1].verts_m  # the part whose edge comes to the face
        contact = leading[(leading @ comes_from).argmin()] * fit.new([1.0, 1.0, 0.0])
        offset = comes_from * (self.edge_m * (1 - self.nearness)) - contact
        place = torch.lerp(middle, fit.camera_m, self.nearness) + view @ offset
        return [fit.surface(name, mesh.moved(view, place), material) for name, mesh, material in parts]

    def _parts(self, fit: HeadFit, view: Tensor) -> list[tuple[str, Mesh, Material]]:
        """Meshes in the frame of the picture, whose axes in the skull's frame are the columns of ``view``."""
        if self.name in ("shoulder", "other head"):
            return self._person(fit, view)
        turn = _turn(fit, self.turn_deg)
        material: Material = Cloth(self.rgb, self.second_rgb, (0.3, 0.3), 0.001, 0.0, self.stripes)
        if self.name == "book":
            mesh = rounded_box(self.size_m, 0.003, fit.skin_m.device)
        elif self.name == "bar":
            half = fit.new([0.0, 0.5, 0.0])
            mesh = tube(torch.stack([-half, half]), self.size_m[0] / 6, fit.new([0.0, 0.0, 1.0]), 16)
            material = Plain(self.rgb, 0.05, 0.35)
        elif self.name == "leaf":
            mesh = _leaf(fit, self.size_m)
        else:
            radius = self.size_m[0] / 2
            mesh = ellipsoid((radius, radius, radius), fit.skin_m.device, 18, 28)
        return [(self.name, mesh.moved(turn, fit.new([0.0, 0.0, 0.0])), material)]

    def _person(self, fit: HeadFit, view: Tensor) -> list[tuple[str, Mesh, Material]]:
        """Someone seen from behind; the neck in the origin."""
        rows = [(0.02, 0.025), (0.055, 0.02), (0.062, 0.0), (0.075, -0.015), (0.13, -0.04), (0.185, -0.065),
                (0.215, -0.105), (0.225, -0.16), (0.22, -0.3), (0.21, -0.9)]  # fmt: skip
        body = lathe(fit.new(rows), 40)
        body = replace(body, verts_m=body.verts_m * fit.new([1.0, 1.0, 0.52]))
        cloth = Cloth(self.rgb, self.second_rgb, (1.0, 0.8), 0.002, 0.2, self.stripes, folds=0.10)
        parts: list[tuple[str, Mesh, Material]] = [("other person", body, cloth)]
        if self.name == "other head":
            wide, tall, deep = self.size_m
            head = ellipsoid((wide, tall, deep), fit.skin_m.device, 18, 28)
            bumps = 1 + 0.02 * torch.sin(head.verts_m @ fit.new([[70.0], [55.0], [60.0]]))
            head = replace(head, verts_m=head.verts_m * bumps + fit.new([0.0, 0.075 + tall, 0.0]))
            neck = lathe(fit.new([(0.052, 0.11), (0.052, 0.04), (0.06, 0.01)]), 20)
            down = view @ fit.new([0.0, -1.0, 0.0])
            hair = StrandMaterial(self.second_rgb, (fit.T_world_skull[:3, :3] @ down).expand_as(head.verts_m))
            parts += [("other neck", neck, Plain(self.skin, 0.028, 0.5)), ("other head", head, hair)]
        return parts


def _leaf(fit: HeadFit, size_m: tuple[float, float, float]) -> Mesh:
    mesh = ellipsoid((size_m[0] / 2, size_m[1] / 2, 0.0008), fit.skin_m.device, 24, 24)
    y = mesh.verts_m[:, 1] / size_m[1]
    verts = mesh.verts_m * torch.stack([1 - 1.2 * y.abs() ** 1.5, torch.ones_like(y), torch.ones_like(y)], 1)
    bent = verts[:, 2] - 1.2 * size_m[1] * y**2 + 0.35 * verts[:, 0].abs()
    return replace(mesh, verts_m=torch.cat([verts[:, :2], bent[:, None]], 1))


def _turn(fit: HeadFit, degrees: tuple[float, float, float]) -> Tensor:
    """(3, 3) rotation about z, then x, then y."""
    x, y, z = (math.radians(angle) for angle in degrees)
    about_x = fit.new([[1, 0, 0], [0, math.cos(x), -math.sin(x)], [0, math.sin(x), math.cos(x)]])
    about_y = fit.new([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    about_z = fit.new([[math.cos(z), -math.sin(z), 0], [math.sin(z), math.cos(z), 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def draw_other_person(rng: np.random.Generator) -> ForegroundLook:
    """Draw somebody's shoulder or head that comes in from a lower corner."""
    person = Traits.draw(rng)
    name = "shoulder" if rng.random() < 0.55 else "other head"
    low = rng.uniform(-75, -35) if name == "shoulder" else rng.uniform(-40, 5)
    red, green, blue = base_tone(person.melanin).tolist()
    return ForegroundLook(
        name,
        nearness=float(rng.uniform(0.25, 0.55)),
        direction_deg=float(low if rng.random() < 0.5 else 180 - low),
        edge_m=float(rng.uniform(0.0 if name == "shoulder" else 0.02, 0.06)),
        turn_deg=(0.0, 0.0, 0.0),
        size_m=(float(rng.uniform(0.078, 0.10)), float(rng.uniform(0.11, 0.125)), float(rng.uniform(0.09, 0.11))),
        rgb=draw_colour(rng),
        second_rgb=person.hair_rgb,
        stripes=(0.0, float(rng.integers(6, 20))) if rng.random() < 0.2 else (0.0, 0.0),
        skin=(red, green, blue),
    )


def draw_thing(rng: np.random.Generator) -> ForegroundLook:
    """Draw something in the way."""
    name = ("book", "bar", "leaf", "ball")[rng.integers(4)]
    low, high = {
        "book": ((0.11, 0.16, 0.008), (0.21, 0.28, 0.03)),
        "bar": ((0.04, 0.0, 0.0), (0.16, 0.0, 0.0)),
        "leaf": ((0.05, 0.1, 0.0), (0.14, 0.25, 0.0)),
        "ball": ((0.05, 0.0, 0.0), (0.2, 0.0, 0.0)),
    }[name]
    size, turn = rng.uniform(low, high), rng.uniform((-35, -35, -180), (35, 35, 180))
    green = (0.05, 0.22, 0.03) if rng.random() < 0.5 else (0.16, 0.30, 0.04)
    return ForegroundLook(
        name,
        nearness=float(rng.uniform(0.15, 0.45)),
        direction_deg=float(rng.uniform(0, 360)),
        edge_m=float(rng.uniform(-0.01, 0.05)),
        turn_deg=(float(turn[0]), float(turn[1]), float(turn[2])),
        size_m=(float(size[0]), float(size[1]), float(size[2])),
        rgb=green if name == "leaf" else draw_colour(rng, 0.8),
        second_rgb=draw_colour(rng, 0.8),
        stripes=(float(rng.integers(0, 6)), float(rng.integers(0, 6))) if name != "leaf" and rng.random() < 0.4
        else (0.0, 0.0),
        skin=(0.0, 0.0, 0.0),
    )  # fmt: skip
