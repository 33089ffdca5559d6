"""What a hand holds to the face: a microphone, a cup, a telephone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.synthetic.occluders.hand import HandLook, draw_hand, turned
from shared.synthetic.occluders.head_fit import HeadFit
from shared.synthetic.occluders.look import OccluderLook, Rgb
from shared.synthetic.occluders.materials import Cloth, Mirror, Plain, draw_colour
from shared.synthetic.occluders.microphones import MicrophoneBody, draw_body
from shared.synthetic.occluders.shapes import Mesh, lathe, rounded_box
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import Material, Surface

# From the frame of the object, whose long side is y, to that of the hand, which grips it along x.
_TO_HAND = ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class HeldLook(OccluderLook):
    """A thing and the hand that holds it."""

    kind: str  # "microphone", "cup", "telephone"
    hand: HandLook
    turn_deg: tuple[float, float, float]
    gap_m: float
    grip_m: float  # where the hand holds it, down from its top
    radius_m: float
    height_m: float
    rgb: Rgb
    second_rgb: Rgb
    stripes: tuple[float, float]
    body: MicrophoneBody | None

    def surfaces(self, fit: HeadFit) -> list[Surface]:
        """The thing, the hand and its arm, on the side that is seen."""
        return replace(self, hand=self.hand.seen(fit))._surfaces(fit)

    def _surfaces(self, fit: HeadFit) -> list[Surface]:
        parts = self._parts(fit)
        # Directions for a right hand: along the thing, upwards; the palm; the forearm; away from the face.
        upwards, palm, arm, away = {
            "microphone": ((0.15, 0.75, -0.65), (0.95, 0.0, 0.2), (-0.3, -0.94, 0.1), (0.0, -0.15, 1.0)),
            "cup": ((0.12, 0.92, -0.3), (0.93, 0.0, -0.25), (-0.45, -0.85, 0.2), (0.0, -0.1, 1.0)),
            "telephone": ((0.0, 0.62, -0.78), (0.95, 0.05, -0.25), (-0.4, -0.9, 0.0), (-1.0, 0.0, 0.15)),
        }[self.kind]
        z = unit(fit.new(palm))
        y = torch.linalg.cross(z, unit(fit.new(upwards)))
        rotation = turned(self.hand.mirrored(y), self.hand.mirrored(z), self.turn_deg)
        out = self.hand.mirrored(unit(fit.new(away)))
        wrist = self._target(fit) - rotation @ self.hand.mirrored(self._feature(fit))
        solid = torch.cat([mesh.verts_m for _, mesh, _ in parts])
        hand = self.hand.local_verts(fit)[::5] if self.kind == "telephone" else solid[:0]
        touching = torch.cat([solid, hand]) @ rotation.T + wrist
        wrist = wrist + out * (fit.clearance_m(touching, out) + self.gap_m)
        held = [fit.surface(name, mesh.moved(rotation, wrist), material) for name, mesh, material in parts]
        return [*held, *self.hand.surfaces(fit, rotation, wrist, self.hand.mirrored(fit.new(arm)))]

    def _target(self, fit: HeadFit) -> Tensor:
        """(3,) where the thing goes, before it is pushed out of the face."""
        if self.kind != "telephone":
            return fit.marks_m[13] - fit.new([0.0, 0.004, 0.0])
        ear = fit.ears_m[0 if self.hand.left else 1].mean(0)
        mouth = fit.marks_m[291 if self.hand.left else 61]
        return torch.lerp(ear, mouth, 0.25)

    def _feature(self, fit: HeadFit) -> Tensor:
        """(3,) what goes there, in the frame of a right hand."""
        along = {"microphone": self.grip_m, "cup": self.grip_m, "telephone": 0.0}[self.kind]
        return self._grip(fit) + fit.new([along, 0.0, 0.0])

    def _grip(self, fit: HeadFit) -> Tensor:
        """(3,) middle of the grip in the frame of a right hand."""
        y, z = {"microphone": (0.088, 0.030), "cup": (0.078, 0.013), "telephone": (0.105, 0.026)}[self.kind]
        return fit.new([0.0, y * self.hand.scale, z * self.hand.scale + (self.radius_m if self.kind == "cup" else 0.0)])

    def _parts(self, fit: HeadFit) -> list[tuple[str, Mesh, Material]]:
        """Meshes in the frame of the hand that holds them."""
        if self.body is not None:
            ball, handle = self.body.ball(fit.skin_m), self.body.handle(fit.skin_m)
            parts = [("microphone ball", ball, self.body.ball_material()),
                     ("microphone", handle, self.body.handle_material())]  # fmt: skip
        elif self.kind == "cup":
            wide, low = self.radius_m, -self.height_m
            rows = [(0.001, low + 0.004), (0.84 * wide, low + 0.004), (wide - 0.003, -0.001), (wide - 0.001, 0.0),
                    (wide, -0.001), (0.86 * wide, low), (0.001, low)]  # fmt: skip
            painted = Cloth(self.rgb, self.second_rgb, (0.2, 0.1), 0.001, 0.0, self.stripes)
            parts = [("cup", lathe(fit.new(rows), 28), painted)]
        else:
            size = (0.073, self.height_m, 0.0085)
            case = rounded_box(size, 0.004, fit.skin_m.device)
            screen = rounded_box((0.066, self.height_m - 0.012, 0.0089), 0.002, fit.skin_m.device)
            parts = [("telephone", case, Plain(self.rgb, 0.05, 0.3)),
                     ("telephone screen", screen, Mirror((0.01, 0.01, 0.012), (0.7, 0.8, 1.0), 0.08))]  # fmt: skip
        to_hand, origin = fit.new(_TO_HAND), self._feature(fit)
        return [(name, self._sided(mesh.moved(to_hand, origin)), material) for name, mesh, material in parts]

    def _sided(self, mesh: Mesh) -> Mesh:
        """As a left hand holds it, if it is one."""
        if not self.hand.left:
            return mesh
        return replace(mesh, verts_m=self.hand.mirrored(mesh.verts_m), faces=mesh.faces.flip(1), uv=mesh.uv.flip(1))


def draw_held(rng: np.random.Generator, traits: Traits) -> HeldLook:
    """Draw one."""
    kind = ("microphone", "cup", "telephone")[rng.choice(3, p=(0.4, 0.3, 0.3))]
    posture = {"microphone": "grip", "cup": "wide grip", "telephone": "relaxed"}[kind]
    turn = np.clip(rng.normal(0, 6, 3), -14, 14)
    body = draw_body(rng) if kind == "microphone" else None
    height = float(rng.uniform(0.085, 0.11) if kind == "cup" else rng.uniform(0.14, 0.16))
    grip = body.ball_m + rng.uniform(0.05, 0.09) if body else height * rng.uniform(0.45, 0.6)
    striped = kind == "cup" and rng.random() < 0.35
    return HeldLook(
        name=kind,
        kind=kind,
        hand=draw_hand(rng, posture, bool(rng.random() < 0.5), traits.presentation),
        turn_deg=(float(turn[0]), float(turn[1]), float(turn[2])),
        gap_m=float(rng.uniform(0.002, 0.035) if body else -0.002),
        grip_m=float(grip),
        radius_m=float(rng.uniform(0.031, 0.040)),
        height_m=height,
        rgb=draw_colour(rng),
        second_rgb=draw_colour(rng),
        stripes=(float(rng.choice([0, 6, 12])), float(rng.integers(2, 7))) if striped else (0.0, 0.0),
        body=body,
    )
