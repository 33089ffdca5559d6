"""Lashes: ribbons along the rims of the lids, see-through between the hairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.flame.landmarks import LEFT_LIDS, RIGHT_LIDS
from shared.geometry.meshes import unit
from shared.synthetic.face.noise import strand_tile
from shared.synthetic.face.pen import smooth_curve
from shared.synthetic.scene import Hits, Part, PosedHead, Shading, Surface

_ALONG = 17  # vertices along a lid
_RINGS = (0.0, 0.4, 0.75, 1.0)  # from root to tip
_UPPER_M, _LOWER_M = 0.0075, 0.0042
_REPEATS = 2.0


@dataclass(frozen=True, eq=False)
class LashCards:
    """Texture and triangles, the same for everyone."""

    cover: Tensor  # (h, w) uint8
    faces: Tensor  # (F, 3) of four ribbons
    uv: Tensor  # (F, 3, 2)

    @staticmethod
    def of(device: torch.device) -> LashCards:
        """Build them on a device."""
        rows = len(_RINGS)
        column, ring = np.meshgrid(np.arange(_ALONG - 1), np.arange(rows - 1), indexing="ij")
        first = (column * rows + ring).reshape(-1)
        quads = np.stack([first, first + rows, first + rows + 1, first, first + rows + 1, first + 1], 1).reshape(-1, 3)
        faces = np.concatenate([quads + ribbon * _ALONG * rows for ribbon in range(4)])
        u = np.repeat(np.linspace(0, _REPEATS, _ALONG), rows)
        v = np.tile(1 - 0.995 * np.array(_RINGS), _ALONG)
        uv = np.tile(np.stack([u, v], 1), (4, 1)).astype(np.float32)
        cover = torch.from_numpy(strand_tile(seed=301, count=46, size=(64, 256), lean=0.0))
        return LashCards(cover.to(device), torch.from_numpy(faces).to(device), torch.from_numpy(uv[faces]).to(device))


@dataclass(frozen=True, eq=False)
class LashMaterial:
    """One colour."""

    rgb: Tensor  # (3,)

    def __call__(self, hits: Hits) -> Shading:
        """Shade P places."""
        return Shading(self.rgb.expand(len(hits.pixel_m), 3), specular=0.02, roughness=0.6, occlusion=0.7)


def lashes(cards: LashCards, head: PosedHead, length: float, mascara: float, hair_rgb: tuple[float, ...]) -> Surface:
    """The four rows of lashes of a posed head; ``length`` 1 is usual."""
    marks = head.landmarks_m()
    up = head.T_world_skull[:3, 1]
    ribbons = []
    for lids, eye in ((RIGHT_LIDS, 4), (LEFT_LIDS, 3)):
        for rim, reach_m, lift in ((lids[:9], _UPPER_M, 1.0), ((*lids[8:], lids[0]), _LOWER_M, -0.9)):
            reach_m = reach_m * length * (1 + 0.25 * mascara)
            ribbons.append(_ribbon(marks[list(rim)], head.joints_m[eye], up * lift, reach_m))
    colour = np.minimum(np.array(hair_rgb) * 0.35, 0.05) * (1 - 0.8 * mascara) + 0.006
    return Surface(
        name="lashes",
        verts_m=torch.cat(ribbons),
        faces=cards.faces,
        part=Part.HAIR,
        material=LashMaterial(head.verts_m.new_tensor(colour)),
        uv=cards.uv,
        cover=cards.cover,
        casts_shadow=False,
    )


def _ribbon(rim: Tensor, centre: Tensor, lift: Tensor, length_m: float) -> Tensor:
    """(17 * 4, 3) from the rim (9, 3) out, curling along ``lift``; shorter at the ends of the lid."""
    curve = smooth_curve(rim.cpu().numpy(), 8)[:: 64 // (_ALONG - 1)]
    root = torch.from_numpy(curve).to(rim)
    outward = unit(root - centre)
    along = torch.linspace(0, 1, len(root), device=rim.device)
    fan = unit(rim[-1] - rim[0]) * (2 * along[:, None] - 1)  # away from the middle of the lid
    reach = length_m * (0.45 + 0.55 * torch.sin(torch.pi * (0.12 + 0.76 * along)))[:, None]
    rings = [root + reach * ring * unit(outward + 0.35 * fan + lift * (0.15 + 0.75 * ring)) for ring in _RINGS]
    return torch.stack(rings, 1).reshape(-1, 3)
