"""Face masks: cloth stretched over nose, mouth and chin, with loops round the ears."""

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
from shared.synthetic.occluders.shapes import Mesh, grid, join, smooth_path, tube
from shared.synthetic.scene.scene import Hits, Shading, Surface

_ROWS, _COLUMNS = 21, 33
_WINDOW = math.cos(math.radians(6.0))  # skin within this angle holds the cloth up
# Landmarks on the upper border from the subject's right cheek to the left, by where the mask is worn.
_TOP = {
    "on": (227, 117, 100, 197, 329, 346, 447),
    "below the nose": (177, 207, 206, 2, 426, 427, 401),
    "on the chin": (215, 214, 204, 18, 424, 434, 435),
}
_BOTTOM = (58, 172, 150, 152, 379, 397, 288)


@dataclass(frozen=True)
class FaceMaskLook(OccluderLook):
    """One mask."""

    kind: str  # "surgical", "cloth", "cup"
    worn: str  # "on", "below the nose", "on the chin"
    gap_m: float  # between skin and cloth
    ridge_m: float  # how far the middle stands out
    rgb: Rgb
    second_rgb: Rgb
    stripes: tuple[float, float]
    loop_rgb: Rgb
    wrinkles: float

    def surfaces(self, fit: HeadFit) -> list[Surface]:
        """Cloth and loops."""
        points = self._shell(fit)
        sheet = fit.surface(self.name, grid(points), self._material())
        return [
            sheet,
            fit.surface(f"{self.name} loops", join(self._loops(points, fit)), Plain(self.loop_rgb, 0.03, 0.8)),
        ]

    def _material(self) -> MaskCloth:
        cloth = Cloth(self.rgb, self.second_rgb, (0.2, 0.12), 0.0011, 0.12, self.stripes, self.wrinkles)
        pleats = {"surgical": 3, "cloth": 0, "cup": 0}[self.kind]
        return MaskCloth(cloth, pleats, seam=self.kind != "surgical", border=0.06 if self.kind == "surgical" else 0.035)

    def _shell(self, fit: HeadFit) -> Tensor:
        """(R, C, 3) from the upper border down; columns from the subject's right to the left."""
        marks = fit.marks_m
        # Seen from inside the mouth, nose, cheeks and chin lie all round.
        centre = marks[[61, 291]].mean(0) * fit.new([1.0, 1.0, 0.0]) + fit.new([0.0, 0.0, 1.0]) * (
            marks[234, 2] + 0.012
        )
        top = smooth_path(marks[list(_TOP[self.worn])], _COLUMNS)
        bottom = smooth_path(marks[list(_BOTTOM)], _COLUMNS)
        # Under the chin, not at its edge.
        bottom = bottom + fit.new([0.0, -0.004, -0.004])
        share = torch.linspace(0, 1, _ROWS, device=top.device)[:, None, None]
        direction = unit(unit(top - centre) * (1 - share) + unit(bottom - centre) * share)
        skin = fit.skin_m - centre
        distance = skin.norm(dim=1)
        towards = unit(direction.mean((0, 1)))
        ahead = skin @ towards > distance * ((direction @ towards).amin() - 0.1)
        skin, distance = skin[ahead], distance[ahead]
        cosine = direction.reshape(-1, 3) @ (skin / distance[:, None]).T
        held = torch.where(cosine > _WINDOW, distance, 0.0).amax(1).reshape(_ROWS, _COLUMNS)
        held = torch.where(held > 0, held, held.median())
        taut = held
        for _ in range(12):  # hollows are bridged
            taut = torch.maximum(held, _blur(taut))
        taut = _blur(_blur(taut))
        row, column = share[:, :, 0], torch.linspace(-1, 1, _COLUMNS, device=top.device)
        bulge = (4 * row * (1 - row)).clamp_min(0) ** 0.8 * (1 - column.abs() ** 1.5)
        edge = torch.minimum(row, 1 - row).clamp_max(0.08) / 0.08  # the border lies on the skin
        radius = taut + self.gap_m * (0.25 + 0.75 * edge) + self.ridge_m * bulge
        return centre + direction * radius[..., None]

    def _loops(self, points: Tensor, fit: HeadFit) -> list[Mesh]:
        """A loop each side, from the corners of the cloth to the ear and round behind it."""
        loops = []
        for ear, column, out in ((fit.ears_m[1], 0, -1.0), (fit.ears_m[0], -1, 1.0)):
            high, low = points[1, column], points[-2, column]
            top, lobe = ear[ear[:, 1].argmax()], ear[ear[:, 1].argmin()]
            root = ear[:, 0].abs().amin() * out
            sideways = fit.new([out * 0.003, 0.0, 0.0])
            over = torch.stack([root, top[1] - 0.001, top[2]]) + sideways
            behind = torch.stack([root, 0.5 * (top[1] + lobe[1]), ear[:, 2].amin() + 0.006])
            under = torch.stack([root, lobe[1] + 0.003, lobe[2]]) + sideways
            path = smooth_path(torch.stack([high, over, behind, under, low]), 33)
            near = torch.cdist(path[:, 1:], fit.skin_m[:, 1:]) < 0.008
            side = torch.where(near, fit.skin_m[:, 0].abs(), 0.0).amax(1) + 0.0015
            x = torch.maximum(path[:, 0].abs(), side * ((path[:, 2] > top[2]) & (path[:, 2] < high[2] - 0.01)))
            path = torch.stack([x * out, path[:, 1], path[:, 2]], 1)
            loops.append(tube(path, 0.0013, fit.new([1.0, 0.0, 0.0]), 6))
        return loops


@dataclass(frozen=True)
class MaskCloth:
    """Cloth with pleats across, a seam down the middle and a hem."""

    cloth: Cloth
    pleats: int
    seam: bool
    border: float  # width of the hem over that of the mask

    def __call__(self, hits: Hits) -> Shading:
        shading = self.cloth(hits)
        u, v = hits.uv.unbind(-1)
        shade = torch.ones_like(u)
        lift = torch.zeros_like(u)
        if self.pleats:
            place = (v - 0.2) / 0.6 * self.pleats
            phase = place - place.floor()
            inside = ((place > 0) & (place < self.pleats)).to(u) * (1 - (2 * u - 1).abs() ** 6)
            shade = shade - inside * (0.22 * torch.exp(-((phase / 0.09) ** 2)) + 0.05 * (1 - phase))
            lift = inside * 0.45 * torch.exp(-(((phase - 0.1) / 0.12) ** 2))
        hem = torch.minimum(torch.minimum(v, 1 - v) * 0.8, torch.minimum(u, 1 - u))
        shade = shade - 0.16 * torch.exp(-(((hem - self.border) / 0.006) ** 2))
        if self.seam:
            shade = shade - 0.14 * torch.exp(-(((u - 0.5) / 0.008) ** 2))
        normal = hits.normal if shading.normal is None else shading.normal
        bend = torch.stack([torch.zeros_like(lift), lift, torch.zeros_like(lift)], -1)
        return Shading(
            albedo=shading.albedo * shade[:, None],
            specular=shading.specular,
            roughness=shading.roughness,
            normal=unit(normal + bend),
            occlusion=shade.clamp(0, 1),
        )


def _blur(values: Tensor) -> Tensor:
    """(R, C) averaged with neighbours, the border with itself."""
    for dim in (0, 1):
        first, last = values.narrow(dim, 0, 1), values.narrow(dim, values.shape[dim] - 1, 1)
        padded = torch.cat([first, values, last], dim)
        count = values.shape[dim]
        values = 0.5 * values + 0.25 * (padded.narrow(dim, 0, count) + padded.narrow(dim, 2, count))
    return values


def draw_face_mask(rng: np.random.Generator) -> FaceMaskLook:
    """Draw one."""
    kind = ("surgical", "cloth", "cup")[rng.choice(3, p=(0.5, 0.3, 0.2))]
    worn = ("on", "below the nose", "on the chin")[rng.choice(3, p=(0.78, 0.13, 0.09))]
    usual = ((0.30, 0.55, 0.72), (0.25, 0.60, 0.52), (0.78, 0.80, 0.80), (0.75, 0.45, 0.52), (0.02, 0.02, 0.022))
    rgb = draw_colour(rng) if kind == "cloth" else usual[rng.choice(5, p=(0.4, 0.1, 0.25, 0.05, 0.2))]
    if kind == "cup":
        rgb = (0.80, 0.80, 0.79) if rng.random() < 0.75 else (0.02, 0.02, 0.022)
    striped = kind == "cloth" and rng.random() < 0.4
    return FaceMaskLook(
        name="face mask",
        kind=kind,
        worn=worn,
        gap_m=float(rng.uniform(0.003, 0.006)),
        ridge_m=float(rng.uniform(0.006, 0.014) if kind == "cup" else rng.uniform(0.0, 0.005)),
        rgb=rgb,
        second_rgb=draw_colour(rng),
        stripes=(float(rng.integers(0, 18)), float(rng.integers(0, 12))) if striped else (0.0, 0.0),
        loop_rgb=(0.75, 0.75, 0.75) if rng.random() < 0.7 else (0.03, 0.03, 0.03),
        wrinkles=float(rng.uniform(0.03, 0.12)),
    )
