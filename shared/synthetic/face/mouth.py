"""Inside the mouth and the lids: teeth one by one with gums, a wet tongue, dark flesh behind."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.geometry.meshes import unit
from shared.synthetic.face.eyes import FLESH_RGB, PALE_FLESH_RGB
from shared.synthetic.face.look import MouthLook
from shared.synthetic.face.noise import NoiseTile
from shared.synthetic.scene.scene import Hits, Shading

TEETH, TONGUE, SOCKETS = ("teeth", "upper_teeth", "lower_teeth"), ("tongue",), ("sockets",)
# Widths of the teeth from the middle to the back, millimetres; usual means.
_UPPER_MM = (8.5, 6.6, 7.6, 7.0, 6.8, 10.0, 9.5, 9.0)
_LOWER_MM = (5.3, 5.9, 6.8, 7.0, 7.1, 11.0, 10.5, 10.0)
_BINS = 16
_GUM_RGB, _FLESH_RGB = (0.40, 0.14, 0.13), (0.20, 0.055, 0.05)
_SOCKET_OPEN = 0.5  # light at the flesh beside the eyeball: bright, as it stands for the corners of the white


@dataclass(frozen=True, eq=False)
class MouthCharts:
    """Per vertex: teeth, tongue, sockets (0 or 1), place along the dental arch in metres, height over the bite as a
    share of the teeth's height, 1 in the lower jaw, 1 on the temple's side of the eye."""

    vertex: Tensor  # (V, 7)
    blotches: NoiseTile
    bounds_m: Tensor  # (2, 9) where the teeth of the upper and the lower jaw end, from the middle

    @staticmethod
    def of(assets: FlameAssets, blotches: NoiseTile) -> MouthCharts:
        """The mouth of a head; one without teeth, tongue or sockets has dark flesh alone."""
        vertex = assets.v_template.new_zeros(assets.n_vertices, 7)
        for column, names in enumerate((TEETH, TONGUE, SOCKETS)):
            for name in names:
                if name in assets.regions:
                    vertex[assets.regions[name], column] = 1
        teeth = vertex[:, 0] > 0
        lower = assets.lbs_weights[:, 2] > 0.5
        for jaw in (False, True):
            chosen = teeth & (lower == jaw)
            if int(chosen.sum()) > 2:
                arch, height = _arch(assets.v_template[chosen].cpu().numpy(), jaw)
                vertex[chosen, 3:5] = torch.from_numpy(np.stack([arch, height], 1)).to(vertex)
        vertex[:, 5] = lower.float()
        eyes = (assets.joint_regressor[3:5] @ assets.v_template)[:, 0].abs().mean()
        vertex[:, 6] = (assets.v_template[:, 0].abs() > eyes).float()
        bounds = np.cumsum([(0.0, *_UPPER_MM), (0.0, *_LOWER_MM)], 1) / 1000
        return MouthCharts(vertex, blotches, torch.from_numpy(bounds).to(vertex))


@dataclass(frozen=True, eq=False)
class MouthMaterial:
    """The mouth of one person in one picture."""

    charts: MouthCharts
    look: MouthLook
    vertex: Tensor  # (V, 8) as in the charts, and the occlusion

    def __call__(self, hits: Hits) -> Shading:
        """Shade P places inside the mouth and behind the lids."""
        teeth, tongue, socket, arch, height, lower, outer, occlusion = hits.at_vertices(self.vertex).unbind(1)
        new = arch.new_tensor
        blotch = self.charts.blotches.at(hits.position_m[:, 0] * 12.0, hits.position_m[:, 1] * 12.0)[0]
        flesh = new(_FLESH_RGB) * (1 + 0.1 * blotch)[:, None]
        wet = new([0.42, 0.42 * (0.62 - 0.3 * self.look.tongue_blood), 0.42 * (0.60 - 0.3 * self.look.tongue_blood)])
        albedo = torch.lerp(flesh, wet * (1 + 0.12 * blotch)[:, None], tongue[:, None])
        beside_eye = torch.lerp(new(FLESH_RGB), new(PALE_FLESH_RGB), outer[:, None])
        albedo = torch.lerp(albedo, beside_eye, socket[:, None])
        tooth, across = self._teeth(arch, height, lower, blotch)
        albedo = torch.lerp(albedo, tooth, teeth[:, None])

        front = teeth * (1 - 20 * arch.abs()).clamp(0, 1)
        open_to_light = torch.lerp(occlusion**1.3, occlusion.sqrt(), front)
        aside = unit(torch.linalg.cross(new([0.0, 1.0, 0.0]).expand_as(hits.normal), hits.normal))
        bent = unit(torch.addcmul(hits.normal, aside, (0.35 * across * teeth)[:, None]))
        return Shading(
            albedo=albedo,
            specular=0.034,
            roughness=0.34 - 0.10 * teeth - 0.05 * socket,
            normal=bent,
            occlusion=torch.lerp(open_to_light, occlusion.clamp_min(_SOCKET_OPEN), socket),
            wrap=(0.12, 0.05, 0.04),
        )

    def _teeth(self, arch: Tensor, height: Tensor, lower: Tensor, blotch: Tensor) -> tuple[Tensor, Tensor]:
        """Colour (P, 3), and how far (P) to the tooth's side a place is, -1 to 1."""
        bounds = self.charts.bounds_m
        along = arch.abs()
        across, to_gap = torch.empty_like(along), torch.empty_like(along)
        for jaw in (0, 1):
            chosen = (lower > 0.5) == bool(jaw)
            place = along[chosen]
            number = torch.bucketize(place, bounds[jaw]).clamp_(1, bounds.shape[1] - 1)
            start, end = bounds[jaw][number - 1], bounds[jaw][number]
            across[chosen] = (2 * (place - start) / (end - start) - 1).clamp(-1, 1) * arch[chosen].sign()
            to_gap[chosen] = torch.minimum(place - start, end - place)
        darker = (1 - 4.0 * along).clamp(0.7, 1) * (1 + 0.02 * blotch)
        enamel = arch.new_tensor(self.look.teeth) * darker[:, None]
        # Towards the gum teeth are yellower, at the bite more see-through.
        enamel = enamel * (1 - height.clamp(0, 1)[:, None] * arch.new_tensor([0.02, 0.08, 0.20]))
        gap = self.look.gaps * (1 - to_gap / 0.0007).clamp(0, 1) * (0.4 + 0.6 * (1 - height).clamp(0, 1))
        enamel = enamel * (1 - 0.55 * gap)[:, None]
        gum_line = 0.72 - 0.14 * (1 - across**2)
        gum = ((height - gum_line + 0.12) / 0.06).clamp(0, 1)
        return torch.lerp(enamel, arch.new_tensor(_GUM_RGB) * (1 + 0.1 * blotch)[:, None], gum[:, None]), across


def mouth_material(charts: MouthCharts, look: MouthLook, occlusion: Tensor) -> MouthMaterial:
    """The material of one picture; ``occlusion`` (V,)."""
    return MouthMaterial(charts, look, torch.cat([charts.vertex, occlusion[:, None]], 1))


def _arch(points: np.ndarray, is_lower: bool) -> tuple[np.ndarray, np.ndarray]:
    """Place (N,) along the arch from the middle, metres, and height (N,) over the bite, of one jaw's teeth (N, 3)."""
    half_width = np.abs(points[:, 0]).max()
    back, depth = points[:, 2].min(), np.ptp(points[:, 2])
    angle = np.arctan2(points[:, 0] / half_width, (points[:, 2] - back) / depth)
    grid = np.linspace(0, math.pi, 200)
    speed = np.hypot(half_width * np.cos(grid), depth * np.sin(grid))
    length = np.concatenate([[0], np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(grid))])
    arch = np.sign(angle) * np.interp(np.abs(angle), grid, length)
    # The bite rises to the back: height is measured between the local ends of the teeth.
    order = np.sort(np.abs(arch))
    edges = np.linspace(0, order[-1] + 1e-6, _BINS)
    number = np.digitize(np.abs(arch), edges)
    low, high = points[:, 1].copy(), points[:, 1].copy()
    for index in range(len(points)):
        near = points[np.abs(number - number[index]) <= 1, 1]
        low[index], high[index] = near.min(), near.max()
    share = (points[:, 1] - low) / np.maximum(high - low, 1e-4)
    return arch.astype(np.float32), (1 - share if is_lower else share).astype(np.float32)
