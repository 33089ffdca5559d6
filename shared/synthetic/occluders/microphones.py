"""Microphones: the handle with its ball, on a stand before the mouth, or as the boom of a headset."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.synthetic.occluders.head_fit import HeadFit
from shared.synthetic.occluders.look import OccluderLook, Rgb
from shared.synthetic.occluders.materials import Cloth, Plain, draw_colour
from shared.synthetic.occluders.shapes import Mesh, axes, ellipsoid, join, lathe, smooth_path, tube
from shared.synthetic.scene.scene import Material, Surface


@dataclass(frozen=True)
class MicrophoneBody:
    """A stage microphone about the y axis, its ball at the top and centred in the origin."""

    ball_m: float
    handle_m: float  # radius
    length_m: float
    foam: bool
    ball_rgb: Rgb
    handle_rgb: Rgb

    def handle(self, like: Tensor) -> Mesh:
        """From the ring under the ball down to the end."""
        neck, end = self.ball_m * 0.72, self.ball_m + self.length_m
        rows = [
            (0.3 * self.ball_m, -0.5 * neck), (1.02 * self.ball_m, -0.62 * neck), (1.02 * self.ball_m, -0.95 * neck),
            (0.85 * self.ball_m, -1.25 * neck), (self.handle_m * 1.15, -2.2 * neck), (self.handle_m, -0.6 * end),
            (0.85 * self.handle_m, -0.97 * end), (0.6 * self.handle_m, -end), (0.0005, -end),
        ]  # fmt: skip
        return lathe(like.new_tensor(rows), 20)

    def ball(self, like: Tensor) -> Mesh:
        """The grille, or foam over it."""
        wide = self.ball_m * (1.25 if self.foam else 1.0)
        return ellipsoid((wide, 1.1 * wide, wide), like.device)

    def ball_material(self) -> Material:
        """Wire mesh or foam."""
        if self.foam:
            return Cloth(self.ball_rgb, self.ball_rgb, (0.15, 0.07), 0.0022, 0.5, fuzz=0.3)
        return Cloth(self.ball_rgb, self.ball_rgb, (0.15, 0.07), 0.0024, 1.0)

    def handle_material(self) -> Material:
        """Painted metal."""
        return Plain(self.handle_rgb, 0.06, 0.35)


@dataclass(frozen=True)
class StandMicrophoneLook(OccluderLook):
    """Before the mouth, on a stand that leaves the picture below."""

    body: MicrophoneBody
    gap_m: float
    offset_m: tuple[float, float]  # sideways and up
    tilt: tuple[float, float]  # of the handle, sideways and forwards

    def surfaces(self, fit: HeadFit) -> list[Surface]:
        """Ball, handle and stand."""
        ahead = unit(fit.new([0.0, -0.1, 1.0]))
        place = fit.marks_m[13] + fit.new([self.offset_m[0], self.offset_m[1], 0.0])
        up = unit(fit.new([-self.tilt[0], 0.75, -self.tilt[1]]))
        rotation = axes(up, ahead)
        ball = self.body.ball(fit.skin_m).moved(rotation, place)
        shift = ahead * (fit.clearance_m(ball.verts_m, ahead) + self.gap_m)
        ball = Mesh(ball.verts_m + shift, ball.faces, ball.uv)
        place = place + shift
        handle = self.body.handle(fit.skin_m).moved(rotation, place)
        clip = place - up * (self.body.ball_m + 0.6 * self.body.length_m)
        foot = clip + fit.new([self.tilt[0] * 0.3, -0.6, 0.15])
        stand = tube(smooth_path(torch.stack([clip, 0.5 * (clip + foot), foot]), 6), 0.008, ahead, 10)
        ring = tube(torch.stack([clip + up * 0.02, clip - up * 0.02]), self.body.handle_m * 1.35, ahead, 12)
        return [
            fit.surface("microphone ball", ball, self.body.ball_material()),
            fit.surface("microphone", handle, self.body.handle_material()),
            fit.surface("microphone stand", join([stand, ring]), Plain((0.015, 0.015, 0.017), 0.05, 0.4)),
        ]


@dataclass(frozen=True)
class HeadsetLook(OccluderLook):
    """An arm from the ear along the cheek with foam before the corner of the mouth, an ear pad and a band."""

    left: bool
    rgb: Rgb
    pad_m: float
    foam_m: float

    @property
    def covers_face(self) -> bool:
        """A thin arm and a little foam beside the mouth do not count."""
        return False

    def surfaces(self, fit: HeadFit) -> list[Surface]:
        """Pads, band, arm and foam."""
        out = fit.new([1.0 if self.left else -1.0, 0.0, 0.0])
        ears = [ear.mean(0) for ear in fit.ears_m]
        pads = []
        for ear, side in zip(ears, (1.0, -1.0), strict=True):
            outside = torch.stack([fit.ears_m[0][:, 0].abs().amax() * side, ear[1], ear[2]])
            shell = ellipsoid((0.8 * self.pad_m, 0.014, self.pad_m), fit.skin_m.device)
            pads.append(shell.moved(axes(fit.new([side, 0.0, 0.0]), fit.new([0.0, 1.0, 0.0])), outside))
        angle = torch.linspace(0.03, math.pi - 0.03, 25, device=out.device)
        width = pads[0].verts_m[:, 0].mean() - 0.002
        top = fit.centre_m[1] + fit.skull_radius(fit.new(0.0), fit.new(math.pi / 2)) + 0.017
        low, depth = 0.5 * (ears[0] + ears[1])[1], 0.5 * (ears[0] + ears[1])[2]
        arch = torch.stack(
            [width * angle.cos(), low + (top - low) * angle.sin() ** 0.8, depth.expand(25)], 1
        )  # fmt: skip
        band = tube(arch, fit.new([0.003, 0.011]).expand(25, 2), fit.new([0.0, 0.0, 1.0]), 10)
        start = pads[0 if self.left else 1].verts_m.mean(0)
        corner = fit.marks_m[291 if self.left else 61]
        ahead = unit(fit.new([0.0, -0.1, 1.0]) + 0.5 * out)
        foam = ellipsoid((self.foam_m, self.foam_m, 1.2 * self.foam_m), fit.skin_m.device)
        foam = foam.moved(torch.eye(3, device=out.device), corner)
        end = ahead * (fit.clearance_m(foam.verts_m, ahead) + 0.006)
        foam = Mesh(foam.verts_m + end, foam.faces, foam.uv)
        middle = 0.5 * (start + corner + end) + 0.022 * out - fit.new([0.0, 0.012, 0.0])
        arm = tube(smooth_path(torch.stack([start, middle, corner + end]), 20), 0.0022, fit.new([0.0, 1.0, 0.0]), 8)
        plastic, dark = Plain(self.rgb, 0.05, 0.35), (0.02, 0.02, 0.02)
        return [
            fit.surface("headset", join([*pads, band, arm]), plastic),
            fit.surface("headset foam", foam, Cloth(dark, dark, (0.08, 0.04), 0.002, 0.5, fuzz=0.4)),
        ]


def draw_body(rng: np.random.Generator) -> MicrophoneBody:
    """Draw a stage microphone."""
    foam = bool(rng.random() < 0.3)
    steel = (0.42, 0.42, 0.43) if rng.random() < 0.6 else (0.03, 0.03, 0.032)
    dark = rng.random() < 0.8
    return MicrophoneBody(
        ball_m=float(rng.uniform(0.022, 0.027)),
        handle_m=float(rng.uniform(0.0125, 0.015)),
        length_m=float(rng.uniform(0.12, 0.15)),
        foam=foam,
        ball_rgb=(draw_colour(rng) if rng.random() < 0.5 else (0.02, 0.02, 0.02)) if foam else steel,
        handle_rgb=(0.015, 0.015, 0.017) if dark else draw_colour(rng),
    )


def draw_headset(rng: np.random.Generator) -> HeadsetLook:
    """Draw one."""
    return HeadsetLook(
        "headset",
        left=bool(rng.random() < 0.5),
        rgb=(0.015, 0.015, 0.017) if rng.random() < 0.7 else draw_colour(rng),
        pad_m=float(rng.uniform(0.028, 0.040)),
        foam_m=float(rng.uniform(0.007, 0.013)),
    )


def draw_stand_microphone(rng: np.random.Generator) -> StandMicrophoneLook:
    """Draw one that no hand holds."""
    return StandMicrophoneLook(
        "microphone",
        draw_body(rng),
        gap_m=float(rng.uniform(0.003, 0.04)),
        offset_m=(float(rng.normal(0, 0.015)), float(rng.uniform(-0.022, 0.01))),
        tilt=(float(rng.normal(0, 0.3)), float(rng.uniform(0.0, 0.7))),
    )
