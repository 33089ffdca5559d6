"""Hats: shells that follow the skull above a border, with bills, brims and cuffs; headscarves and hoods."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.synthetic.occluders.head_fit import HeadFit, directions
from shared.synthetic.occluders.look import OccluderLook, Rgb
from shared.synthetic.occluders.materials import Cloth, Plain, draw_colour
from shared.synthetic.occluders.shapes import Mesh, grid, lathe
from shared.synthetic.scene.scene import Material, Surface

_COLUMNS, _ROWS = 64, 22
_EDGE = 3  # rows of the border that curls in


@dataclass(frozen=True)
class HatLook(OccluderLook):
    """One hat. Angles are elevations in degrees, seen from the middle of the skull."""

    kind: str  # "cap", "beanie", "brimmed hat", "hard hat"
    front_deg: float  # of the border over the forehead
    side_deg: float
    back_deg: float
    backwards: bool  # a cap with its bill at the back
    offset_m: float  # of the shell from the skin
    crown_m: float  # how much higher the crown stands
    bill_m: float  # length of a bill or a brim
    droop: float  # how far bill or brim bends down
    tilt_deg: float
    cuff_m: float  # thickness of a turned-up border
    rgb: Rgb
    second_rgb: Rgb
    stripes: tuple[float, float]
    thread_m: float
    relief: float

    @property
    def is_hat(self) -> bool:
        """It is."""
        return True

    @property
    def covers_face(self) -> bool:
        """It ends above the brows."""
        return False

    def surfaces(self, fit: HeadFit) -> list[Surface]:
        """Crown, and bill, brim or cuff."""
        cloth = self._material(0.5, 0.16)
        parts = [fit.surface(self.name, grid(self._crown(fit), closed_columns=True), cloth)]
        if self.kind in ("cap", "hard hat"):
            parts.append(fit.surface(f"{self.name} bill", self._bill(fit), self._material(0.15, 0.07)))
        if self.kind == "brimmed hat":
            parts.append(fit.surface(f"{self.name} brim", self._brim(fit), self._material(0.7, 0.08)))
            band = Cloth(self.second_rgb, self.second_rgb, (0.5, 0.03), 0.001, 0.2)
            parts.append(fit.surface(f"{self.name} band", self._ring(fit, 1.0, 11.0, 0.0025), band))
        if self.cuff_m:
            parts.append(fit.surface(f"{self.name} cuff", self._ring(fit, -2.0, 18.0, self.cuff_m), cloth))
        if self.kind == "cap":
            top = fit.new([[0.0, 0.004], [0.004, 0.0035], [0.007, 0.0015], [0.008, -0.002]])
            crown = directions(fit.new(0.0), fit.new(math.pi / 2)) * self._radius(
                fit, fit.new(0.0), fit.new(math.pi / 2)
            )
            button = lathe(top, 12).moved(torch.eye(3, device=top.device), fit.centre_m + crown)
            parts.append(fit.surface(f"{self.name} button", button, cloth))
        return parts

    def _material(self, width_m: float, height_m: float) -> Material:
        if self.kind == "hard hat":
            return Plain(self.rgb, 0.05, 0.25)
        size, fuzz = (width_m, height_m), 0.6 if self.kind == "beanie" else 0.0
        return Cloth(self.rgb, self.second_rgb, size, self.thread_m, self.relief, self.stripes, 0.06, fuzz)

    def _border(self, azimuth: Tensor) -> Tensor:
        """Elevation of the border, radians; forwards on the head, whichever way the hat is put on."""
        ahead, behind = azimuth.cos().clamp_min(0) ** 1.4, (-azimuth.cos()).clamp_min(0) ** 1.4
        tilt = self.tilt_deg * azimuth.sin()
        level = self.side_deg + (self.front_deg - self.side_deg) * ahead + (self.back_deg - self.side_deg) * behind
        return torch.deg2rad(level + tilt)

    def _radius(self, fit: HeadFit, azimuth: Tensor, elevation: Tensor) -> Tensor:
        """(...) from the middle of the skull to the outside of the hat."""
        radius = fit.skull_radius(azimuth, elevation)
        up = (elevation / (math.pi / 2)).clamp(0, 1)
        if self.kind == "hard hat":  # a smooth shell that does not follow the skull closely
            mean = fit.skull_radius(azimuth, elevation.clamp_min(0.5))
            return torch.lerp(radius, mean.maximum(radius), 0.5) + self.offset_m + self.crown_m * up
        if self.kind == "brimmed hat":  # steep sides and a flat, dented top
            side = fit.skull_radius(azimuth, elevation.clamp_max(0.35)) + self.offset_m
            steep = side * math.cos(0.35) / (elevation.cos() + 0.16 * elevation.sin()).clamp_min(0.05)
            top = fit.skull_radius(azimuth, fit.new(math.pi / 2)) + self.offset_m + self.crown_m
            flat = top / elevation.sin().clamp_min(0.05)
            shape = torch.where(elevation > 0.1, -0.006 * torch.logsumexp(-torch.stack([steep, flat]) / 0.006, 0), side)
            return torch.maximum(shape, radius + self.offset_m)
        if self.kind == "beanie":  # what is too long hangs back
            back = directions(azimuth, elevation) @ fit.new([0.0, 0.75, -0.66])
            slouch = self.crown_m * back.clamp_min(0) ** 2.5
            return radius + self.offset_m + slouch
        seam = 0.0015 * (3 * azimuth).cos().abs() ** 0.25  # six panels
        front = (azimuth - (math.pi if self.backwards else 0)).cos().clamp_min(0) * elevation.cos()
        return radius + self.offset_m + seam * elevation.cos() + self.crown_m * (up * (1.6 - up)) * (0.5 + 0.7 * front)

    def _crown(self, fit: HeadFit) -> Tensor:
        """(R, C, 3) from the top to the border, which curls in towards the skin."""
        azimuth = torch.arange(_COLUMNS, device=fit.centre_m.device) * (2 * math.pi / _COLUMNS)
        share = torch.linspace(0, 1, _ROWS, device=azimuth.device)[:, None]
        elevation = math.pi / 2 + (self._border(azimuth) - math.pi / 2) * share
        radius = self._radius(fit, azimuth.expand_as(elevation), elevation)
        inside = torch.lerp(radius[-1], fit.skull_radius(azimuth, elevation[-1]), 0.9)
        depth = fit.new([0.1, 0.5, 1.0])[:, None]
        curl = torch.lerp(radius[-1].expand(_EDGE, -1), inside.expand(_EDGE, -1), depth)
        below = elevation[-1] - fit.new([0.012, 0.02, 0.02])[:, None]
        points = directions(azimuth.expand(_ROWS + _EDGE, -1), torch.cat([elevation, below]))
        return fit.centre_m + points * torch.cat([radius, curl])[..., None]

    def _ring(self, fit: HeadFit, low_deg: float, high_deg: float, thick_m: float) -> Mesh:
        """A bulging band round the hat, at elevations above its border."""
        azimuth = torch.arange(_COLUMNS, device=fit.centre_m.device) * (2 * math.pi / _COLUMNS)
        angle = torch.linspace(0, math.pi, 9, device=azimuth.device)[:, None]
        height = 0.5 + 0.5 * angle.cos().sign() * angle.cos().abs() ** 0.6
        elevation = self._border(azimuth) + torch.deg2rad(low_deg + (high_deg - low_deg) * height)
        radius = (
            self._radius(fit, azimuth.expand_as(elevation), elevation)
            + thick_m * angle.sin().clamp_min(0) ** 0.5
            - 0.0005
        )
        return grid(fit.centre_m + directions(azimuth.expand_as(elevation), elevation) * radius[..., None],
                    closed_columns=True)  # fmt: skip

    def _bill(self, fit: HeadFit) -> Mesh:
        """Two sheets over the front of the border, curved across."""
        span = math.radians(62 if self.kind == "cap" else 50)
        turned = math.pi if self.backwards else 0.0
        angle = torch.linspace(-span, span, 33, device=fit.centre_m.device)
        azimuth = angle + turned
        elevation = self._border(azimuth) + 0.02
        root = directions(azimuth, elevation) * (self._radius(fit, azimuth, elevation) - 0.003)[:, None] + fit.centre_m
        reach = (angle / span * (math.pi / 2)).cos().clamp_min(0) ** 0.55 * self.bill_m
        out = torch.linspace(0, 1, 8, device=angle.device)[:, None]
        ahead = math.cos(turned)
        x = root[:, 0] * (1 + 0.06 * out)
        z = root[:, 2] + ahead * reach * out
        across = root[:, 0] / root[:, 0].abs().amax()
        y = root[:, 1] - reach * out * (0.25 + 0.2 * out) - self.droop * across**2 * out * 0.5
        top = torch.stack([x, y, z], -1)
        under = top - fit.new([0.0, 0.0028, 0.0])
        return grid(torch.cat([top, under.flip(0)]))

    def _brim(self, fit: HeadFit) -> Mesh:
        azimuth = torch.arange(_COLUMNS, device=fit.centre_m.device) * (2 * math.pi / _COLUMNS)
        elevation = self._border(azimuth) + 0.03
        root = directions(azimuth, elevation) * (self._radius(fit, azimuth, elevation) - 0.002)[:, None]
        out = torch.linspace(0, 1, 8, device=azimuth.device)[:, None]
        level = directions(azimuth, torch.zeros_like(azimuth))
        waves = self.droop * (2 * azimuth).cos() * out**1.5
        y = root[:, 1] + waves - 0.12 * self.bill_m * out
        flat = root + level * out[..., None] * self.bill_m
        top = torch.stack([flat[..., 0], y, flat[..., 2]], -1) + fit.centre_m
        under = top - fit.new([0.0, 0.003, 0.0])
        return grid(torch.cat([top, under.flip(0)]), closed_columns=True)


@dataclass(frozen=True)
class ScarfLook(OccluderLook):
    """Cloth round the head and the neck that leaves the face free: a headscarf or a hood."""

    rgb: Rgb
    second_rgb: Rgb
    stripes: tuple[float, float]
    offset_m: float
    top_deg: float  # of the opening, from the direction of the nose
    side_deg: float
    chin_deg: float
    folds: float

    @property
    def is_hat(self) -> bool:
        """It lies on the hair."""
        return True

    @property
    def hides_hair(self) -> bool:
        """All of it."""
        return True

    @property
    def covers_face(self) -> bool:
        """It leaves the face free."""
        return False

    def surfaces(self, fit: HeadFit) -> list[Surface]:
        """The cloth on the head, and what falls over the shoulders."""
        cloth = Cloth(self.rgb, self.second_rgb, (0.6, 0.4), 0.0012, 0.25, self.stripes, 0.10)
        return [
            fit.surface(self.name, grid(self._head(fit), closed_columns=True), cloth),
            fit.surface(f"{self.name} fall", grid(self._fall(fit), closed_columns=True), cloth),
        ]

    def _head(self, fit: HeadFit) -> Tensor:
        """(R, C, 3) rings from the middle of the back to the opening, which curls in to the cheeks."""
        turn = torch.arange(_COLUMNS, device=fit.centre_m.device) * (2 * math.pi / _COLUMNS)
        share = torch.linspace(0, 1, 26, device=turn.device)[:, None]
        upper, lower = turn.cos().clamp_min(0) ** 1.5, (-turn.cos()).clamp_min(0) ** 1.5
        opening = self.side_deg + (self.top_deg - self.side_deg) * upper + (self.chin_deg - self.side_deg) * lower
        polar = math.pi - (math.pi - torch.deg2rad(opening)) * share
        # The opening looks a little down, towards the middle of the face.
        pitch = math.radians(-22)
        ahead, up, left = polar.cos(), polar.sin() * turn.cos(), -polar.sin() * turn.sin()
        y = up * math.cos(pitch) + ahead * math.sin(pitch)
        z = ahead * math.cos(pitch) - up * math.sin(pitch)
        azimuth, elevation = torch.atan2(left.expand_as(y), z), y.clamp(-1, 1).asin()
        skin = fit.skull_radius(azimuth, elevation)
        wave = self.folds * (torch.sin(3 * turn + 5 * share) + torch.sin(7 * turn - 9 * share)) * 0.5
        low = (-0.3 - elevation).clamp(0, 1) * 0.03  # loose under the chin and at the neck
        gap = self.offset_m * (0.35 + 0.65 * (3 * (1 - share)).clamp(0, 1)) + low + wave * (1 - share).clamp(0, 0.5)
        side = (azimuth.sin().abs() ** 4) * (1 - (elevation.abs() / 0.7).clamp(0, 1) ** 2) * 0.012  # ears
        radius = skin + gap + side
        edge = torch.stack([radius[-1] + 0.001, skin[-1] + 0.0005, skin[-1] - 0.006])
        points = directions(azimuth, elevation)
        inward = points[-1:].expand(3, -1, -1)
        return fit.centre_m + torch.cat([points * radius[..., None], inward * edge[..., None]])

    def _fall(self, fit: HeadFit) -> Tensor:
        """(R, C, 3) from below the chin over the neck to the chest."""
        turn = torch.arange(_COLUMNS, device=fit.centre_m.device) * (2 * math.pi / _COLUMNS)
        down = torch.linspace(0, 1, 14, device=turn.device)[:, None]
        chin, back = fit.rest_marks_m[152], fit.centre_m[2] - 0.075
        middle_z = 0.5 * (chin[2] - 0.012 + back)
        half_z, half_x = 0.5 * (chin[2] - 0.012 - back), 0.6 * (fit.rest_marks_m[454, 0] - fit.rest_marks_m[234, 0])
        wide = 1 + 1.3 * (down - 0.35).clamp_min(0) ** 1.5 * 2
        wave = 1 + 0.04 * torch.sin(5 * turn + 6 * down) + 0.05 * down * torch.sin(11 * turn)
        x, z = half_x * turn.sin() * wide * wave, middle_z - 0.01 * down + half_z * turn.cos() * wide * wave
        y = chin[1] + 0.03 - 0.03 * turn.cos().clamp_min(0) - 0.2 * down
        return torch.stack([x, y.expand_as(x), z.expand_as(x)], -1)


def draw_hat(rng: np.random.Generator) -> HatLook | ScarfLook:
    """Draw one."""
    kind = ("cap", "beanie", "brimmed hat", "hard hat", "scarf")[rng.choice(5, p=(0.36, 0.27, 0.15, 0.07, 0.15))]
    rgb, second = draw_colour(rng), draw_colour(rng)
    striped = rng.random() < 0.3
    if kind == "scarf":
        return ScarfLook(
            name="hood" if rng.random() < 0.3 else "headscarf",
            rgb=rgb,
            second_rgb=second,
            stripes=(float(rng.integers(5, 30)), float(rng.choice([0, 8, 20]))) if striped else (0.0, 0.0),
            offset_m=float(rng.uniform(0.013, 0.024)),
            top_deg=float(rng.uniform(63, 74)),
            side_deg=float(rng.uniform(60, 70)),
            chin_deg=float(rng.uniform(62, 70)),
            folds=float(rng.uniform(0.002, 0.007)),
        )
    knit = kind == "beanie"
    vivid = {"hard hat": ((0.85, 0.55, 0.02), (0.8, 0.8, 0.78), (0.75, 0.12, 0.02), (0.02, 0.1, 0.4))}.get(kind)
    bill = {"cap": (0.055, 0.075), "brimmed hat": (0.04, 0.085), "hard hat": (0.025, 0.045), "beanie": (0.0, 0.0)}
    crown = {"cap": (0.004, 0.022), "brimmed hat": (0.002, 0.022), "hard hat": (0.012, 0.02), "beanie": (0.0, 0.03)}
    droop = {"cap": (0.0, 0.03), "brimmed hat": (-0.012, 0.012), "hard hat": (0.0, 0.01), "beanie": (0.0, 0.0)}
    return HatLook(
        name={"brimmed hat": "hat"}.get(kind, kind),
        kind=kind,
        front_deg=float(rng.uniform(11, 24)),
        side_deg=float(rng.uniform(-7, 2) if knit else rng.uniform(1, 7)),
        back_deg=float(rng.uniform(-28, -12)),
        backwards=bool(kind == "cap" and rng.random() < 0.2),
        offset_m=float(rng.uniform(0.020, 0.026) if kind == "hard hat" else rng.uniform(0.010, 0.014)),
        crown_m=float(rng.uniform(*crown[kind])),
        bill_m=float(rng.uniform(*bill[kind])),
        droop=float(rng.uniform(*droop[kind])),
        tilt_deg=float(rng.normal(0, 1.5)),
        cuff_m=float(rng.uniform(0.003, 0.006)) if knit and rng.random() < 0.65 else 0.0,
        rgb=vivid[rng.integers(len(vivid))] if vivid else rgb,
        second_rgb=second,
        stripes=(0.0, float(rng.integers(2, 7))) if striped and knit else (0.0, 0.0),
        thread_m=float(rng.uniform(0.004, 0.008) if knit else rng.uniform(0.001, 0.002)),
        relief=float(rng.uniform(0.5, 1.0) if knit else rng.uniform(0.1, 0.4)),
    )
