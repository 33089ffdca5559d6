"""The skin of the head: pigments, blood, make-up, pores and folds, all added up at the places that are seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.synthetic.face.body import EDGE_OCCLUSION, leak, plain_tone, skin_reflectance
from shared.synthetic.face.look import BrowLook, Grooming, SkinLook, TilePlace
from shared.synthetic.face.mixing import QUANTITIES, skin_mixing
from shared.synthetic.face.noise import NoiseTile
from shared.synthetic.face.pen import Pen
from shared.synthetic.face.photo import STEP, SkinPhoto, nearest, sample_detail
from shared.synthetic.face.tones import pigment_directions, typology_angle_deg
from shared.synthetic.face.window import FaceWindow
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import Hits, PosedHead, Shading

_PORE_SEEN_M = 0.00040  # sub-pixels of this size average pores away
_PORE_SLOPE = 0.12
_MOLE_STEP = 0.012  # of melanin, in uint8


@dataclass(frozen=True, eq=False)
class SkinCharts:
    """What all skins on one head share."""

    window: FaceWindow
    pen: Pen
    chart: Tensor  # (h * w, 16) uint8
    blotches: NoiseTile
    pores: NoiseTile
    photos: tuple[SkinPhoto, ...]
    faces: Tensor  # (F, 3) of the skin's surface
    corners: Tensor  # (F, 3, 4): texture coordinates, distance from the neck's edge (0 there, 1 further up), ear

    @property
    def m_per_uv(self) -> float:
        """What one unit of the texture coordinates spans on the face, metres."""
        return self.window.grid / self.window.texels_per_m


@dataclass(frozen=True, eq=False)
class SkinMaterial:
    """Skin of one person in one picture."""

    charts: SkinCharts
    look: SkinLook
    corners: Tensor  # (15, F) as in the charts and the occlusion, corner by corner
    log_tone: Tensor  # (3, 1)
    pigments: Tensor  # (3, 2) what melanin and blood take off the log albedo
    mixing: Tensor  # (17, 12) chart channels and 1 -> `QUANTITIES`
    photo: SkinPhoto | None
    photo_mixing: Tensor  # (3, 3) its detail -> log albedo
    drawn: Tensor  # (2, h * w) uint8: brow hairs, moles
    brow_rgb: Tensor  # (3, 1)
    stubble_rgb: Tensor  # (3, 1)
    up: Tensor  # (3,) the skull's, world
    wrap: tuple[float, float, float]
    specular: float

    def __call__(self, hits: Hits) -> Shading:
        """Shade P places of the head. Everything is laid out (C, P): matrices of P short rows take twice the time."""
        charts, look = self.charts, self.look
        u, v, inner, ear, occlusion = self._at_corners(hits)
        texel = charts.window.texel(u, v)
        rows = charts.chart.index_select(0, texel).float()
        mixed = dict(zip(QUANTITIES, torch.addmm(self.mixing[-1:].T, self.mixing[:-1].T, rows.T), strict=True))
        brows, moles = (layer.index_select(0, texel).float() for layer in self.drawn)
        blotch = charts.blotches.at(*_placed(u, v, look.blotches, charts.m_per_uv))
        pore = charts.pores.at(*_placed(u, v, look.pores, charts.m_per_uv))
        close = (1 - hits.pixel_m * (1 / _PORE_SEEN_M)).clamp_(0, 1)
        depth = close * look.pore_depth

        spots = ((blotch[2] - (0.86 - 0.5 * look.freckles)) * 4).clamp_(0, 1) * mixed["freckles"]
        melanin = mixed["melanin"] + look.mottle_melanin * blotch[0] + spots + _MOLE_STEP * moles
        melanin = torch.addcmul(melanin, depth, pore[0], value=-0.02)
        blood = mixed["blood"] + look.mottle_blood * blotch[1] + look.redness[2] * ear
        pigment = torch.stack([melanin * inner, blood * inner])
        albedo = torch.addmm(self.log_tone, self.pigments, pigment, alpha=-1)
        if self.photo is not None:
            detail = torch.mm(self.photo_mixing, sample_detail(self.photo.detail, u, v))
            albedo.addcmul_(detail, inner)
        albedo = albedo.exp_()

        hairs = mixed["hairs"] * (1 + 0.55 * close * (pore[3] - 1)) * (1 + 0.12 * (blotch[0] + blotch[1]))
        albedo = torch.lerp(albedo, self.stubble_rgb, (hairs * inner).clamp_(0, 0.85))
        paint = torch.stack([mixed[name] for name in ("red", "green", "blue")])
        albedo = torch.addcmul(albedo, albedo, mixed["paint"], value=-1).add_(paint)
        albedo = torch.lerp(albedo, self.brow_rgb, brows * (1 / 255))

        slope_u = torch.addcmul(mixed["slope_u"], depth, pore[1], value=_PORE_SLOPE)
        slope_v = torch.addcmul(mixed["slope_v"], depth, pore[2], value=_PORE_SLOPE)
        rough = mixed["rough"] + 0.03 * blotch[0] + (0.12 / 255) * brows
        return Shading(
            albedo=albedo.clamp_(0, 1).T.contiguous(),
            specular=self.specular,
            roughness=rough.clamp_(0.2, 0.9),
            normal=self._bent(hits.normal, slope_u, slope_v),
            occlusion=(EDGE_OCCLUSION + inner * (occlusion - EDGE_OCCLUSION)) * (1 - mixed["dark"].clamp_(0, 0.8)),
            wrap=self.wrap,
        )

    def _at_corners(self, hits: Hits) -> Tensor:
        """(5, P) texture coordinates, distance from the neck's edge, ear and occlusion."""
        rows, weights = self.corners.index_select(1, hits.face_index), hits.barycentric.T.contiguous()
        return (rows[:5] * weights[0]).addcmul_(rows[5:10], weights[1]).addcmul_(rows[10:], weights[2])

    def _bent(self, normals: Tensor, slope_u: Tensor, slope_v: Tensor) -> Tensor:
        """Normals (P, 3) of a surface whose height changes along u (to the subject's left) and v (down).

        With the skull's direction up, u runs along up x normal and v along normal (up . normal) - up.
        """
        x, y, z = self.up.tolist()
        normal = normals.T.contiguous()
        p, q, r = normal
        aside = torch.stack([y * r - z * q, z * p - x * r, x * q - y * p])
        bent = normal * (1 - slope_v * (x * p + y * q + z * r))
        bent = bent.addcmul_(aside, slope_u, value=-1).addcmul_(self.up[:, None], slope_v)
        return bent.mul_((bent * bent).sum(0).rsqrt_()).T.contiguous()


def skin_material(
    charts: SkinCharts,
    head: PosedHead,
    look: SkinLook,
    traits: Traits,
    grooming: Grooming,
    brows: BrowLook | None,
    brow_hairs: np.ndarray | None,
    occlusion: Tensor,
) -> SkinMaterial:
    """The material of one picture. ``brow_hairs`` (h, w) uint8 on the window; ``occlusion`` (V,)."""
    new = charts.corners.new_tensor
    tone = plain_tone(look, traits)
    tone_deg = typology_angle_deg(tone)
    photo = None if look.photo is None else nearest(charts.photos, look.photo, tone_deg)
    # Of a skin of quite another tone only light and dark are of use.
    chroma = 0.0 if photo is None else 1 - photo.foreign(tone_deg)
    photo_mixing = look.photo_gain * STEP * (chroma * np.eye(3) + (1 - chroma) / 3)
    corners = torch.cat([charts.corners, occlusion[charts.faces][..., None]], 2)
    return SkinMaterial(
        charts=charts,
        look=look,
        corners=corners.flatten(1).T.contiguous(),
        log_tone=new(np.log(tone))[:, None],
        pigments=new(pigment_directions(traits.melanin).T),
        mixing=new(skin_mixing(look, traits, grooming)),
        photo=photo,
        photo_mixing=new(photo_mixing),
        drawn=_drawn(charts, look, brow_hairs),
        brow_rgb=new((0.0, 0.0, 0.0) if brows is None else brows.rgb)[:, None],
        stubble_rgb=new(np.minimum(np.array(traits.hair_rgb) * 0.6, 0.12))[:, None],
        up=head.T_world_skull[:3, 1],
        wrap=leak(traits),
        specular=skin_reflectance(look) + 0.008 * grooming.wet,
    )


def _drawn(charts: SkinCharts, look: SkinLook, brow_hairs: np.ndarray | None) -> Tensor:
    """(2, h * w) uint8: the brows' hairs and the moles, drawn onto the window."""
    height, width = charts.window.size
    layers = np.zeros((2, height, width), np.uint8)
    if brow_hairs is not None:
        layers[0] = brow_hairs
    for x, y, radius_m, dark in look.moles:
        radius = radius_m * charts.window.texels_per_m
        reach = math.ceil(2.5 * radius) + 1
        column, row = round(x * width), round(y * height)
        rows = np.arange(max(row - reach, 0), min(row + reach + 1, height))
        columns = np.arange(max(column - reach, 0), min(column + reach + 1, width))
        distance = ((rows - row)[:, None] ** 2 + (columns - column) ** 2) / radius**2
        bump = (80 * dark * np.exp(-(distance**1.5))).astype(np.uint8)
        box = np.ix_(rows, columns)
        layers[1][box] = np.maximum(layers[1][box], bump)
    return torch.from_numpy(layers.reshape(2, -1)).to(charts.chart.device)


def _placed(u: Tensor, v: Tensor, tile: TilePlace, m_per_uv: float) -> tuple[Tensor, Tensor]:
    """Texture coordinates (P) and (P) -> places in a tile."""
    scale = m_per_uv / tile.size_m
    c, s = scale * math.cos(tile.turn_rad), scale * math.sin(tile.turn_rad)
    return c * u - s * v + tile.shift[0], s * u + c * v + tile.shift[1]
