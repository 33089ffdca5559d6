"""Locks of hair that fall over the face, as ribbons with strands cut out of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.flame.segmentation import Part
from shared.geometry.meshes import unit
from shared.synthetic.hair.material import StrandMaterial
from shared.synthetic.occluders.head_fit import HeadFit
from shared.synthetic.occluders.look import OccluderLook
from shared.synthetic.occluders.shapes import grid, join
from shared.synthetic.scene.scene import Surface

_ROWS, _COLUMNS = 28, 5
_TEXTURE = (96, 40)  # (along, across) of a lock


@dataclass(frozen=True)
class Lock:
    """One ribbon. Angles along the hairline in radians, 0 above the nose, positive to the subject's left."""

    root: float
    end: tuple[float, float]  # from the middle between the eyes, in distances of the outer eye corners
    width_m: float
    lift_m: float  # how far it stands off the skin on its way
    curl_m: float
    phase: float

    def mirrored(self) -> Lock:
        """On the other side."""
        return replace(self, root=-self.root, end=(-self.end[0], self.end[1]), curl_m=-self.curl_m)


@dataclass(frozen=True)
class LooseHairLook(OccluderLook):
    """Some locks."""

    locks: tuple[Lock, ...]
    strands: int  # in each lock
    seed: int  # of where the strands lie

    def surfaces(self, fit: HeadFit) -> list[Surface]:
        """All locks as one surface."""
        mean_root = sum(lock.root for lock in self.locks)
        flip = mean_root * fit.seen_side < 0  # they would hang behind the head
        locks = [lock.mirrored() for lock in self.locks] if flip else self.locks
        sheets = [self._sheet(fit, lock) for lock in locks]
        mesh = join([grid(sheet) for sheet in sheets])
        along = torch.cat([self._along(sheet).reshape(-1, 3) for sheet in sheets]) @ fit.T_world_skull[:3, :3].T
        cover, tone = self._textures()
        device = fit.skin_m.device
        material = StrandMaterial(fit.traits.hair_rgb, along, torch.from_numpy(tone).to(device), 0.9)
        cover_here = torch.from_numpy(cover).to(device)
        return [fit.surface(self.name, mesh, material, part=Part.HAIR, cover=cover_here)]

    @staticmethod
    def _along(sheet: Tensor) -> Tensor:
        return unit(torch.cat([sheet[1:] - sheet[:-1], sheet[-1:] - sheet[-2:-1]]))

    def _sheet(self, fit: HeadFit, lock: Lock) -> Tensor:
        """(R, C, 3) from the root to the tip."""
        marks = fit.marks_m
        eyes, apart = 0.5 * (marks[33] + marks[263]), (marks[263] - marks[33]).norm()
        azimuth, height = fit.new(lock.root), fit.new(math.radians(44 - 10 * abs(lock.root)))
        ray = fit.new(
            [math.sin(lock.root) * math.cos(height), math.sin(height), math.cos(lock.root) * math.cos(height)]
        )
        root = fit.centre_m + ray * (fit.skull_radius(azimuth, height) + 0.004)
        end = eyes[:2] + apart * fit.new(lock.end)
        t = torch.linspace(0, 1, _ROWS, device=root.device)[:, None]
        # Leaves the root sideways and turns down.
        turn = torch.stack([torch.lerp(root[0], end[0], 0.75), torch.lerp(root[1], end[1], 0.3)])
        path = (1 - t) ** 2 * root[:2] + 2 * t * (1 - t) * turn + t**2 * end
        wave = lock.curl_m * t * torch.sin(lock.phase + 7 * t)
        path = path + torch.cat([wave, 0.3 * wave], 1)
        tangent = unit(torch.cat([path[1:] - path[:-1], path[-1:] - path[-2:-1]]))
        across = torch.stack([-tangent[:, 1], tangent[:, 0]], 1)
        taper = (1.1 - t) ** 0.6
        side = torch.linspace(-0.5, 0.5, _COLUMNS, device=root.device)[None] * lock.width_m * taper
        flat = path[:, None] + across[:, None] * side[..., None]
        skin = fit.front_z(path, 0.011)
        skin = torch.where(skin > 0, skin, skin[skin > 0].amin() if bool((skin > 0).any()) else root[2])
        rest = skin
        for _ in range(3):  # taut over eyes and cheeks
            padded = torch.cat([rest[:1], rest, rest[-1:]])
            rest = torch.maximum(skin, 0.5 * rest + 0.25 * (padded[:-2] + padded[2:]))
        share = t[:, 0]
        z = rest + 0.003 + lock.lift_m * (math.pi * share).sin()
        z = torch.lerp(root[2], z, (share / 0.15).clamp(0, 1))
        bow = 0.18 * lock.width_m * (1 - (2 * side / lock.width_m) ** 2)
        return torch.cat([flat, (z[:, None] + bow)[..., None]], -1)

    def _textures(self) -> tuple[np.ndarray, np.ndarray]:
        """Opacity (h, w) uint8 and brightness (h, w) float32 of a lock."""
        rng = np.random.default_rng(self.seed)
        height, width = _TEXTURE
        cover, tone = np.zeros((height, width), np.uint8), np.ones((height, width), np.float32)
        v = np.linspace(0, 1, 24)
        for _ in range(self.strands):
            start, drift, sway = rng.uniform(0.12, 0.88), rng.normal(0, 0.12), rng.normal(0, 0.05)
            length = 1 - abs(rng.normal(0, 0.15))
            u = start + drift * v + sway * np.sin(5 * v + rng.uniform(0, 6.3))
            points = np.stack([u * width, v * length * height], 1)
            fixed = [np.round(points * 16).astype(np.int32)]
            cv2.polylines(cover, fixed, False, 255, 1 + int(rng.random() < 0.5), cv2.LINE_AA, 4)
            cv2.polylines(tone, fixed, False, float(rng.uniform(0.65, 1.3)), 2, cv2.LINE_8, 4)
        return cover, tone


def draw_loose_hair(rng: np.random.Generator) -> LooseHairLook:
    """Draw some locks over one side of the face, seldom over both."""
    count = int(rng.integers(2, 7))
    side = 1.0 if rng.random() < 0.5 else -1.0
    root = side * rng.uniform(0.0, 0.6)
    reach = rng.uniform(-1.2, -0.2)
    locks = []
    for _ in range(count):
        end = (side * rng.uniform(-0.1, 0.65), reach + rng.normal(0, 0.15))
        locks.append(
            Lock(
                root=float(np.clip(root + rng.normal(0, 0.12), -0.9, 0.9)),
                end=(float(end[0]), float(end[1])),
                width_m=float(rng.uniform(0.009, 0.026)),
                lift_m=float(rng.uniform(0.0, 0.008)),
                curl_m=float(rng.normal(0, 0.006)),
                phase=float(rng.uniform(0, 2 * math.pi)),
            )
        )
    return LooseHairLook("hair strands", tuple(locks), strands=int(rng.integers(9, 34)), seed=int(rng.integers(2**31)))
