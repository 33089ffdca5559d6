"""A hand somewhere at the head, with a forearm long enough to leave the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.synthetic.occluders.hand_mesh import hand_mesh
from shared.synthetic.occluders.head_fit import HeadFit
from shared.synthetic.occluders.look import Rgb
from shared.synthetic.occluders.materials import Cloth, HandSkin, draw_colour
from shared.synthetic.occluders.shapes import Mesh, axes, smooth_path, tube
from shared.synthetic.scene.scene import Surface

_BARE_M = 0.5  # a sleeve that starts beyond the forearm
_LENGTHS_M = (0.12, 0.26, 0.44)  # of the forearm's path, from the wrist
_HALF_WIDTHS_M = (0.0295, 0.0305, 0.038, 0.043, 0.047)
_HALF_HEIGHTS_M = (0.0195, 0.0225, 0.034, 0.041, 0.045)


@dataclass(frozen=True)
class HandLook:
    """One hand, whatever it does."""

    left: bool
    posture: str  # of `hand_mesh.POSTURES`
    scale: float
    thickness: float  # over that of an average hand of this size
    sleeve_m: float  # where the sleeve starts, from the wrist
    sleeve_loose_m: float  # how far it stands off the arm
    sleeve_rgb: Rgb
    sleeve_second_rgb: Rgb
    sleeve_stripes: tuple[float, float]

    def seen(self, fit: HeadFit) -> HandLook:
        """The same, or the other hand where this one would be hidden behind the head."""
        side = fit.seen_side
        return replace(self, left=side > 0) if side else self

    def mirrored(self, vector: Tensor) -> Tensor:
        """Vectors (..., 3) that are meant for a right hand."""
        return vector * vector.new_tensor([-1.0, 1.0, 1.0]) if self.left else vector

    def local_verts(self, fit: HeadFit) -> Tensor:
        """(V, 3) in the hand's frame, mirrored for a left hand."""
        verts = fit.new(hand_mesh(self.posture).verts_m)
        return self.mirrored(verts * fit.new([self.thickness, 1.0, self.thickness]) * self.scale)

    def surfaces(self, fit: HeadFit, rotation: Tensor, wrist_m: Tensor, arm: Tensor) -> list[Surface]:
        """Hand, forearm and sleeve.

        Args:
            rotation: (3, 3) axes of the hand in the skull's frame, as columns.
            wrist_m: (3,) in the skull's frame.
            arm: (3,) unit, from the wrist to the elbow, in the skull's frame; bent back where no wrist could follow.
        """
        mesh = hand_mesh(self.posture)
        device = fit.skin_m.device
        faces = torch.from_numpy(mesh.faces).to(device)
        faces = faces.flip(1) if self.left else faces
        hand = Mesh(self.local_verts(fit), faces, fit.new(0.0).expand(len(faces), 3, 2)).moved(rotation, wrist_m)
        normals = self.mirrored(fit.new(mesh.normals)) @ rotation.T
        skin = HandSkin(fit.traits.melanin, fit.new(mesh.redness), fit.new(mesh.nails), fit.new(mesh.occlusion))
        path, up = self._arm_path(fit, rotation, wrist_m, arm)
        along = torch.linspace(0, 1, len(path), device=device)
        thick = torch.stack([_profile(values, along) for values in (_HALF_WIDTHS_M, _HALF_HEIGHTS_M)], 1)
        thick = thick * self.scale * self.thickness
        parts = [fit.surface("hand", hand, skin, normals=normals)]
        forearm = tube(path, thick, up, 16)
        zeros = forearm.verts_m.new_zeros(len(forearm.verts_m))
        parts.append(fit.surface("forearm", forearm, HandSkin(fit.traits.melanin, zeros, zeros, zeros + 1)))
        covered = along * _LENGTHS_M[-1] > self.sleeve_m
        if covered.sum() > 4:
            sleeve = tube(path[covered], self._sleeve(thick, along)[covered], up[covered], 18)
            cloth = Cloth(
                self.sleeve_rgb, self.sleeve_second_rgb, (0.3, 0.4), 0.0014, 0.2, self.sleeve_stripes, folds=0.12
            )
            parts.append(fit.surface("sleeve", sleeve, cloth))
        return parts

    def _arm_path(self, fit: HeadFit, rotation: Tensor, wrist_m: Tensor, arm: Tensor) -> tuple[Tensor, Tensor]:
        """Middle of the forearm (N, 3) from inside the hand, and the hand's back there (N, 3)."""
        straight, back = -rotation[:, 1], rotation[:, 2]
        bend = math.acos(float((straight @ unit(arm)).clamp(-1, 1)))
        reach = min(1.0, math.radians(62) / max(bend, 1e-3))
        arm = unit(torch.lerp(straight, unit(arm), reach))
        start = wrist_m + straight * 0.012 * self.scale
        bow = start + straight * 0.05 * self.scale
        knots = torch.stack([start, bow, *(bow + arm * (length - 0.05) for length in _LENGTHS_M)])
        path = smooth_path(knots, 32)
        tangent = unit(torch.cat([path[1:] - path[:-1], path[-1:] - path[-2:-1]]))
        return path, unit(back - (tangent @ back)[:, None] * tangent)

    def _sleeve(self, thick: Tensor, along: Tensor) -> Tensor:
        place = (along * _LENGTHS_M[-1] - self.sleeve_m).clamp_min(0)
        hem = torch.exp(-place / 0.006) * 0.0015
        wrinkles = 0.0013 * torch.sin(place * 150 + 1.5 * torch.sin(place * 70)) * (place / 0.03).clamp(0, 1)
        return thick + (0.004 + self.sleeve_loose_m * (0.4 + 2 * place).clamp_max(1.0) + hem + wrinkles)[:, None]


def _profile(values: tuple[float, ...], along: Tensor) -> Tensor:
    """(N,) linear between values at equal distances; ``along`` in [0, 1]."""
    knots = along.new_tensor(values)
    place = along * (len(values) - 1)
    low = place.long().clamp_max(len(values) - 2)
    return torch.lerp(knots[low], knots[low + 1], place - low)


def turned(y: Tensor, z: Tensor, degrees: tuple[float, float, float]) -> Tensor:
    """(3, 3) axes from the directions of y and z, then turned about their own x, y and z by small angles."""
    a, b, c = (math.radians(angle) for angle in degrees)
    small = y.new_tensor([[1.0, -c, b], [c, 1.0, -a], [-b, a, 1.0]])
    rotation = axes(y, z) @ small
    return axes(rotation[:, 1], rotation[:, 2])


def draw_hand(rng: np.random.Generator, posture: str, left: bool, masculine: float) -> HandLook:
    """Draw how a hand and its sleeve look. ``masculine`` in [0, 1] makes it larger."""
    bare = rng.random() < 0.3
    striped = rng.random() < 0.2
    return HandLook(
        left=left,
        posture=posture,
        scale=float(rng.normal(0.93 + 0.1 * masculine, 0.03)),
        thickness=float(rng.normal(0.97 + 0.08 * masculine, 0.04)),
        sleeve_m=_BARE_M if bare else float(rng.uniform(0.0, 0.12)),
        sleeve_loose_m=float(rng.uniform(0.001, 0.012)),
        sleeve_rgb=draw_colour(rng),
        sleeve_second_rgb=draw_colour(rng),
        sleeve_stripes=(0.0, float(rng.integers(8, 30))) if striped else (0.0, 0.0),
    )
