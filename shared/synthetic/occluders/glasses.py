"""Glasses and sunglasses: rims round the eyes, a bridge on the nose, temples that reach over the ears."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.synthetic.occluders.head_fit import HeadFit
from shared.synthetic.occluders.look import OccluderLook, Rgb
from shared.synthetic.occluders.materials import Mirror, Plain, Tortoise, draw_colour
from shared.synthetic.occluders.shapes import Mesh, grid, join, smooth_path, tube
from shared.synthetic.scene.scene import Material, Surface

# Half width and half height of a lens over the distance of the pupils, roundness of its corners (2 an ellipse, higher
# a box), how far its upper outer corner is pulled up, how much narrower it is towards the bottom inside.
_SHAPES = {
    "round": (0.36, 0.34, 2.0, 0.0, 0.0),
    "oval": (0.40, 0.28, 2.2, 0.0, 0.0),
    "rectangle": (0.42, 0.26, 4.5, 0.0, 0.05),
    "square": (0.42, 0.35, 3.6, 0.02, 0.08),
    "cat eye": (0.43, 0.30, 2.6, 0.10, 0.10),
    "aviator": (0.44, 0.39, 2.5, -0.02, 0.28),
    "wayfarer": (0.43, 0.32, 3.2, 0.05, 0.14),
}
_RIM, _LENS = 56, 3  # points round a rim, and along each side of a lens
_LENS_TEXTURE = 80
_SKIN_GAP_M, _THIN_M = 0.0025, 0.004


@dataclass(frozen=True)
class GlassesLook(OccluderLook):
    """One pair."""

    shape: str
    scale: float
    thickness_m: float  # of the rim
    half_rim: bool  # no rim below
    frame_rgb: Rgb
    spots_rgb: Rgb
    tortoise: bool
    metal: bool
    bow: float  # how much the front curves round the face, per metre
    lens_rgb: Rgb
    lens_cover: tuple[float, float]  # opacity at the top and at the bottom
    glare: tuple[float, float, float, float]  # place (u, v), width and strength of a reflection on clear lenses
    mirror: float

    @property
    def covers_face(self) -> bool:
        """Only dark ones do."""
        return max(self.lens_cover) > 0.3

    def surfaces(self, fit: HeadFit) -> list[Surface]:
        """Frame and lenses."""
        outline, z_of = self._fitted_front(fit)
        left, right = outline, outline * fit.new([-1.0, 1.0, 1.0])
        frame = join([*self._rims(left, right), self._bridge(left, fit), *self._temples(left, fit)])
        return [
            fit.surface(
                f"{self.name} frame",
                frame,
                self._frame_material(),
                casts_shadow=self.thickness_m > _THIN_M,  # shadow maps are too coarse for wire
            ),
            *(
                fit.surface(
                    f"{self.name} lens",
                    self._lens(side, z_of),
                    Mirror(self.lens_rgb, (0.75, 0.85, 1.0), self.mirror, fade=1.0),
                    cover=self._lens_cover(side),
                    casts_shadow=self.covers_face,
                )
                for side in (left, right)
            ),
        ]

    def _frame_material(self) -> Material:
        if self.tortoise:
            return Tortoise(self.frame_rgb, self.spots_rgb, (5.0, 1.0))
        return Plain(self.frame_rgb, 0.35, 0.25) if self.metal else Plain(self.frame_rgb, 0.05, 0.2)

    def _fitted_front(self, fit: HeadFit) -> tuple[Tensor, tuple[float, float]]:
        """The left rim (N, 3), and the middle's z and height: the front is as far back as the skin lets it."""
        marks = fit.rest_marks_m
        pupil = 0.5 * (marks[473] - marks[468])[0].abs()
        half_width, half_height, power, lift, taper = _SHAPES[self.shape]
        width, height = (float(2 * pupil) * self.scale * share for share in (half_width, half_height))
        angle = torch.arange(_RIM, device=pupil.device) * (2 * math.pi / _RIM)
        x, y = (wave.sign() * wave.abs() ** (2 / power) for wave in (angle.cos(), angle.sin()))
        below = (0.5 - 0.5 * y).clamp(0, 1)
        x = x + taper * below * (0.5 - 0.5 * x)  # the nose takes the lower inner corner
        y = y + 4 * lift * (0.5 + 0.5 * y) * (0.5 + 0.5 * x) ** 2
        middle = pupil + 0.05 * width, float(0.5 * (marks[468] + marks[473])[1]) - 0.12 * height
        # The inner side must leave room for the bridge.
        shift = (0.0085 - (middle[0] - width)).clamp_min(0)
        front = torch.stack([middle[0] + shift + width * x, middle[1] + height * y], 1)
        bent = torch.cat([front, self._bent(front, middle[1])[:, None]], 1)
        rim = torch.cat([bent, bent * fit.new([-1.0, 1.0, 1.0])])
        lack = fit.clearance_m(rim, fit.new([0.0, 0.0, 1.0]), 0.004)
        nose = marks[[168, 6], 2].amax() - 0.004  # the bridge rests on the nose, however far back the rims could be
        z = torch.maximum(lack + _SKIN_GAP_M + self.thickness_m / 2, nose)
        return bent + fit.new([0.0, 0.0, 1.0]) * z, (float(z), middle[1])

    def _bent(self, front: Tensor, y_middle: float) -> Tensor:
        """(N,) z of the front at (x, y): curved round the face, the lower end closer to the cheeks."""
        return -self.bow * front[:, 0] ** 2 + 0.12 * (front[:, 1] - y_middle)

    def _rims(self, left: Tensor, right: Tensor) -> list[Mesh]:
        forward = left.new_tensor([0.0, 0.0, 1.0])
        angle = torch.arange(_RIM, device=left.device) * (2 * math.pi / _RIM)
        upper = torch.sigmoid(14 * (angle.sin() + 0.05)) if self.half_rim else torch.ones_like(angle)
        thick = (0.18 + 0.82 * upper) * self.thickness_m
        brow = 1 + (0.0 if self.metal else 0.35) * angle.sin().clamp_min(0)
        radius = torch.stack([0.5 * thick * brow, 0.5 * thick.clamp_max(0.0035)], 1)
        return [tube(side, radius, forward, 8, closed=True) for side in (left, right)]

    def _bridge(self, left: Tensor, fit: HeadFit) -> Mesh:
        inner = left[left[:, 0].argmin()]
        start = left[(left[:, 0] < inner[0] + 0.006).nonzero()[:, 0]]
        height = float(start[:, 1].quantile(0.75))
        start = start[(start[:, 1] - height).abs().argmin()]
        nose = fit.skin_m[(fit.skin_m[:, 0].abs() < 0.006) & ((fit.skin_m[:, 1] - height - 0.002).abs() < 0.006)]
        z = torch.maximum(start[2], nose[:, 2].amax() + _SKIN_GAP_M)
        half = start[0]
        points = torch.stack(
            [
                start,
                torch.stack([0.55 * half, start[1] + 0.002, torch.lerp(start[2], z, 0.8)]),
                torch.stack([torch.zeros_like(half), start[1] + 0.003, z]),
            ]
        )
        path = smooth_path(torch.cat([points, points[:2].flip(0) * fit.new([-1.0, 1.0, 1.0])]), 15)
        return tube(path, 0.45 * self.thickness_m, fit.new([0.0, 0.0, 1.0]), 8)

    def _temples(self, left: Tensor, fit: HeadFit) -> list[Mesh]:
        """Straight to the top of the ear, along the side of the head, then down behind the ear."""
        hinge = left[(left[:, 0] + 0.35 * left[:, 1]).argmax()]
        ear = fit.ears_m[0]
        top_y, ear_z = ear[:, 1].amax(), ear[ear[:, 1].argmax(), 2]
        count = 12
        along = torch.linspace(0, 1, count, device=left.device)
        y = torch.lerp(hinge[1], top_y - 0.001, along)
        z = torch.lerp(hinge[2] - 0.001, ear_z, along)
        skin_x = self._side(fit, y, z)
        straight = torch.lerp(hinge[0] + 0.002, skin_x[-1], along)
        x = torch.maximum(straight, skin_x * (along > 0.1))
        path = torch.stack([x, y, z], 1)
        hook = path[-1] + fit.new([[-0.001, -0.003, -0.009], [-0.003, -0.012, -0.016], [-0.005, -0.024, -0.021]])
        path = smooth_path(torch.cat([path, hook]), 28)
        flat = 0.0012 if self.metal else 0.0016
        tall = min(max(0.5 * self.thickness_m, 0.0009), 0.0032)
        radius = torch.stack([path.new_full((28,), flat), path.new_full((28,), tall)], 1)
        sideways = fit.new([1.0, 0.0, 0.0])
        mesh = tube(path, radius.flip(1), sideways, 6)
        mirrored = tube(path * fit.new([-1.0, 1.0, 1.0]), radius.flip(1), sideways, 6)
        return [mesh, mirrored]

    @staticmethod
    def _side(fit: HeadFit, y: Tensor, z: Tensor) -> Tensor:
        """(N,) x just outside the side of the head at heights y and depths z, on the wider of both sides."""
        places = torch.stack([y, z], 1)
        near = torch.cdist(places, fit.skin_m[:, 1:]) < 0.011
        return torch.where(near, fit.skin_m[:, 0].abs(), 0.0).amax(1) + 0.0025

    def _lens(self, rim: Tensor, z_of: tuple[float, float]) -> Mesh:
        """A few large triangles, for see-through ones are dithered one by one; the texture cuts them out."""
        low, high = rim[:, :2].amin(0), rim[:, :2].amax(0)
        share = torch.linspace(0, 1, _LENS, device=rim.device)
        y, x = torch.meshgrid(torch.lerp(high[1], low[1], share), torch.lerp(low[0], high[0], share), indexing="ij")
        flat = torch.stack([x, y], -1)
        z = self._bent(flat.reshape(-1, 2), z_of[1]).reshape(_LENS, _LENS) + z_of[0]
        mesh = grid(torch.cat([flat, z[..., None]], -1))
        return replace(mesh, uv=mesh.uv.clamp(0.001, 0.999))  # it would wrap around

    def _lens_cover(self, rim: Tensor) -> Tensor:
        """Opacity (h, w) uint8 over the bounding box of a rim."""
        size = _LENS_TEXTURE
        axis = (np.arange(size, dtype=np.float32) + 0.5) / size
        u, v = axis[None], axis[:, None]
        cover = self.lens_cover[0] + (self.lens_cover[1] - self.lens_cover[0]) * np.clip(1.6 * v - 0.3, 0, 1) + 0 * u
        place_u, place_v, width, strength = self.glare
        along, across = (u - place_u) * 0.8 + (v - place_v) * 0.6, (v - place_v) * 0.8 - (u - place_u) * 0.6
        patch = strength * np.exp(-((along / width) ** 4) - (across / (2.2 * width)) ** 4)
        corners = rim[:, :2].cpu().numpy()
        place = (corners - corners.min(0)) / np.ptp(corners, axis=0) * [1, -1] + [0, 1]
        inside = np.zeros((size, size), np.uint8)
        cv2.fillPoly(inside, [np.round((place * size - 0.5) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
        cover = (255 * np.clip(np.maximum(cover, patch), 0, 1)).astype(np.uint8) * inside
        return torch.from_numpy(cover).to(rim.device)


def draw_glasses(rng: np.random.Generator, sunglasses: bool) -> GlassesLook:
    """Draw one pair."""
    shapes = list(_SHAPES)
    shape = shapes[rng.integers(len(shapes))]
    metal = bool(rng.random() < (0.7 if shape in ("round", "oval", "aviator") else 0.25))
    greys = ((0.55, 0.53, 0.5), (0.7, 0.5, 0.25), (0.03, 0.03, 0.03), (0.6, 0.4, 0.33))
    frame = greys[rng.integers(len(greys))] if metal else draw_colour(rng)
    if not metal and rng.random() < 0.45:
        frame = (0.012, 0.011, 0.012)
    tortoise = not metal and rng.random() < 0.25
    lens, cover, mirror = (0.6, 0.65, 0.62), (0.0, 0.0), 0.9
    if sunglasses:
        tints = ((0.010, 0.010, 0.012), (0.03, 0.016, 0.008), (0.008, 0.02, 0.012), (0.01, 0.012, 0.04))
        lens = tints[rng.integers(len(tints))]
        cover = ((1.0, 1.0), (1.0, 0.92), (1.0, 0.82))[rng.integers(3)]
        mirror = 0.55 if rng.random() < 0.15 else 0.06
    return GlassesLook(
        name="sunglasses" if sunglasses else "glasses",
        shape=shape,
        scale=float(rng.uniform(0.9, 1.12) + (0.1 if sunglasses else 0.0)),
        thickness_m=float(rng.uniform(0.0012, 0.0022) if metal else rng.uniform(0.0025, 0.006)),
        half_rim=bool(shape in ("rectangle", "oval") and rng.random() < 0.4),
        frame_rgb=(0.35, 0.15, 0.05) if tortoise else frame,
        spots_rgb=(0.02, 0.010, 0.006),
        tortoise=bool(tortoise),
        metal=metal,
        bow=float(rng.uniform(1.2, 2.6)),
        lens_rgb=lens,
        lens_cover=cover,
        glare=(
            float(rng.uniform(0.15, 0.85)),
            float(rng.uniform(0.1, 0.7)),
            float(rng.uniform(0.05, 0.16)),
            0.0 if sunglasses or rng.random() < 0.4 else float(rng.uniform(0.13, 0.4)),
        ),
        mirror=mirror,
    )
