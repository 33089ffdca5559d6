"""The skin of the head: pigments, blood, make-up, pores and folds, all added up at the places that are seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.synthetic.face.charts import CHANNELS
from shared.synthetic.face.look import Grooming, SkinLook, TilePlace
from shared.synthetic.face.noise import NoiseTile
from shared.synthetic.face.pen import Pen
from shared.synthetic.face.tones import base_tone, blood_direction, melanin_direction
from shared.synthetic.face.window import FaceWindow
from shared.synthetic.person import Traits
from shared.synthetic.scene import Hits, Shading

# What the chart's channels are turned into at each place, by one matrix.
_MELANIN, _BLOOD, _ROUGH, _SLOPE_X, _SLOPE_Y, _FRECKLE, _HAIRS, _PAINT, _RED, _GREEN, _BLUE = range(11)
_PORE_SEEN_M = 0.00045  # sub-pixels of this size average pores away
_PORE_SLOPE = 0.16
_EDGE_OCCLUSION = 0.9  # where the head's neck meets the body's
_PHOTO_STEP = 0.02  # of log albedo, in a photographed skin's int8 detail


@dataclass(frozen=True, eq=False)
class SkinCharts:
    """What all skins on one head share."""

    window: FaceWindow
    pen: Pen
    chart: Tensor  # (h * w, 16) uint8
    blotches: NoiseTile
    pores: NoiseTile
    photos: tuple[Tensor, ...]  # (T, T, 3) int8 each: log albedo against its mean on the face
    vertex: Tensor  # (V, 2) distance from the neck's edge (0 there, 1 from 3 cm on), ear


@dataclass(frozen=True, eq=False)
class SkinMaterial:
    """Skin of one person in one picture."""

    charts: SkinCharts
    log_tone: Tensor  # (3,)
    pigments: Tensor  # (2, 3) melanin and blood off the log albedo
    mixing: Tensor  # (17, 11) chart channels and 1 -> quantities
    look: SkinLook
    drawn: Tensor  # (h * w, 2) uint8: brow hairs, moles
    brow_rgb: Tensor  # (3,)
    hair_rgb: Tensor  # (3,) of stubble
    wrap: tuple[float, float, float]
    specular: float
    vertex: Tensor  # (V, 3) as in the charts, and the occlusion
    up: Tensor  # (3,) the skull's, world

    def __call__(self, hits: Hits) -> Shading:
        """Shade P places of the head."""
        charts, look = self.charts, self.look
        texel = charts.window.texel(hits.uv)
        inner, ear, occlusion = hits.at_vertices(self.vertex).unbind(1)
        rows = charts.chart.index_select(0, texel).float()
        mixed = torch.addmm(self.mixing[-1], rows, self.mixing[:-1]).T.contiguous()
        brows, moles = self.drawn.index_select(0, texel).float().mul_(1 / 255).unbind(1)

        place_m = hits.uv * (charts.window.grid / charts.window.texels_per_m)
        blotch = charts.blotches.at(_placed(place_m, look.blotches)).unbind(1)
        pore = charts.pores.at(_placed(place_m, look.pores)).unbind(1)
        close = (1 - hits.pixel_m * (1 / _PORE_SEEN_M)).clamp_(0, 1)

        spots = ((blotch[2] - (0.86 - 0.5 * look.freckles)) * 4).clamp_(0, 1) * mixed[_FRECKLE]
        melanin = mixed[_MELANIN] + look.mottle_melanin * blotch[0] + spots + moles
        blood = mixed[_BLOOD] + look.mottle_blood * blotch[1] + look.redness[2] * ear
        depth = close * look.pore_depth
        melanin = melanin - 0.03 * depth * pore[0]
        pigment = torch.stack([melanin * inner, blood * inner], 1)
        log_albedo = torch.addmm(self.log_tone, pigment, -self.pigments)
        if look.photo is not None:
            detail = _bilinear(charts.photos[look.photo], hits.uv)
            log_albedo = torch.addcmul(log_albedo, detail, inner[:, None], value=_PHOTO_STEP * look.photo_gain)
        albedo = log_albedo.exp_()

        dots = 1 + close * (pore[3] - 1)
        albedo = _over(albedo, self.hair_rgb, (mixed[_HAIRS] * dots * inner).clamp_(0, 0.85))
        paint = mixed[_PAINT : _BLUE + 1].clamp(0, 1)
        albedo = albedo * (1 - paint[0])[:, None] + paint[1:].T
        albedo = _over(albedo, self.brow_rgb, brows)

        rough = mixed[_ROUGH] + 0.03 * blotch[0] + 0.03 * depth * pore[0] + 0.15 * brows
        bump = _PORE_SLOPE * depth
        normal = self._bent(hits.normal, mixed[_SLOPE_X] + bump * pore[1], mixed[_SLOPE_Y] + bump * pore[2])
        return Shading(
            albedo=albedo.clamp_(0, 1),
            specular=self.specular,
            roughness=rough.clamp_(0.2, 0.9),
            normal=normal,
            occlusion=_EDGE_OCCLUSION + inner * (occlusion - _EDGE_OCCLUSION),
            wrap=self.wrap,
        )

    def _bent(self, normal: Tensor, slope_u: Tensor, slope_v: Tensor) -> Tensor:
        """Normals (P, 3) of a surface whose height rises along +u (the subject's left) and +v (down)."""
        up = self.up.expand_as(normal)
        aside = torch.linalg.cross(up, normal)
        down = torch.linalg.cross(aside, normal)
        return unit(torch.addcmul(torch.addcmul(normal, aside, slope_u[:, None], value=-1), down, -slope_v[:, None]))


def skin_material(
    charts: SkinCharts,
    look: SkinLook,
    traits: Traits,
    grooming: Grooming,
    brow_hairs: np.ndarray | None,
    brow_rgb: tuple[float, float, float],
    occlusion: Tensor,
    up: Tensor,
) -> SkinMaterial:
    """The material of one picture. ``brow_hairs`` (h, w) uint8 on the window; ``occlusion`` (V,)."""
    new = charts.vertex.new_tensor
    hair = np.minimum(np.array(traits.hair_rgb) * 0.6, 0.12)
    softness = 1 - 0.6 * traits.melanin
    return SkinMaterial(
        charts=charts,
        log_tone=new(np.log(skin_tone(look, traits))),
        pigments=new(np.stack([melanin_direction(traits.melanin), blood_direction(traits.melanin)])),
        mixing=new(_mixing(look, traits, grooming)),
        look=look,
        drawn=_drawn(charts, look, brow_hairs),
        brow_rgb=new(brow_rgb),
        hair_rgb=new(hair),
        wrap=(0.25 * softness, 0.10 * softness, 0.06 * softness),
        specular=0.024 + 0.010 * look.oil + 0.008 * grooming.wet,
        vertex=torch.cat([charts.vertex, occlusion[:, None]], 1),
        up=up,
    )


def skin_tone(look: SkinLook, traits: Traits) -> np.ndarray:
    """(3,) linear albedo of plain skin, as at the neck."""
    return base_tone(traits.melanin, look.warmth, look.blood)


def _mixing(look: SkinLook, traits: Traits, grooming: Grooming) -> np.ndarray:
    """(17, 11) float32: from the chart's channels in [0, 255], and 1, to the quantities."""
    own = 1.0 if look.photo is None else 0.35  # a photographed skin brings most of it
    even = 1 - grooming.foundation
    table = np.zeros((len(CHANNELS) + 1, 11))

    def add(channel: str, quantity: int, amount: float) -> None:
        table[CHANNELS.index(channel), quantity] += amount

    for channel, amount in zip(("cheeks", "nose"), look.redness[:2], strict=True):
        add(channel, _BLOOD, own * even * amount)
    add("cheeks", _BLOOD, grooming.blush)
    add("sockets", _MELANIN, own * even * look.sockets)
    add("sockets", _BLOOD, own * even * (0.08 + 0.5 * look.sockets))
    add("under_eye", _MELANIN, own * even * look.under_eye)
    add("under_eye", _BLOOD, own * even * look.under_eye)
    add("lips", _BLOOD, own * look.lips_blood)
    add("lips", _MELANIN, own * look.lips_melanin)
    add("lower_lip", _MELANIN, -0.6 * own * look.lips_melanin)
    add("mouth_line", _BLOOD, 0.35)
    add("mouth_line", _MELANIN, 0.15)
    add("folds", _MELANIN, 0.12 * look.wrinkles)
    add("folds", _BLOOD, 0.22 * look.wrinkles)
    add("freckles", _FRECKLE, own * even * look.freckle_melanin)

    table[-1, _ROUGH] = 0.56 - 0.12 * look.oil - 0.16 * grooming.wet + 0.05 * grooming.foundation
    table[-1, _BLOOD] = grooming.flush
    add("shine", _ROUGH, -(0.05 + 0.12 * look.oil) * even)
    add("lips", _ROUGH, -0.10 - 0.14 * grooming.lip_gloss)
    add("mouth_line", _ROUGH, -0.12)
    for channel, quantity, amount in (
        ("fold_x", _SLOPE_X, look.wrinkles),
        ("fold_y", _SLOPE_Y, look.wrinkles),
        ("lip_x", _SLOPE_X, 0.9),
    ):
        add(channel, quantity, 2 * amount)
        table[-1, quantity] -= amount * 2 * 128 / 255
    shade = 0.62 * traits.beard / 0.35 if traits.beard < 0.35 else 0.55
    add("beard", _HAIRS, shade * (1 - 0.55 * float(np.mean(traits.hair_rgb))))

    for channel, strength, colour in (
        ("lips", 0.85 * grooming.lipstick, grooming.lipstick_rgb),
        ("shadow", grooming.shadow, grooming.shadow_rgb),
        ("liner", 0.9 * grooming.liner, (0.012, 0.010, 0.010)),
    ):
        add(channel, _PAINT, strength)
        for quantity, value in zip((_RED, _GREEN, _BLUE), colour, strict=True):
            add(channel, quantity, strength * value)
    table[:-1] /= 255
    return table.astype(np.float32)


def _drawn(charts: SkinCharts, look: SkinLook, brow_hairs: np.ndarray | None) -> Tensor:
    """(h * w, 2) uint8: the brows' hairs and the moles, drawn onto the window."""
    height, width = charts.window.size
    layers = np.zeros((height, width, 2), np.uint8)
    if brow_hairs is not None:
        layers[..., 0] = brow_hairs
    for x, y, radius_m, dark in look.moles:
        radius = radius_m * charts.window.texels_per_m
        reach = int(np.ceil(2.5 * radius)) + 1
        column, row = round(x * width), round(y * height)
        box = slice(max(row - reach, 0), row + reach + 1), slice(max(column - reach, 0), column + reach + 1)
        rows, columns = np.mgrid[box[0], box[1]]
        bump = np.exp(-((((rows - row) ** 2 + (columns - column) ** 2) / radius**2) ** 1.5))
        view = layers[..., 1][box]
        np.maximum(view, (100 * dark * bump[: view.shape[0], : view.shape[1]]).astype(np.uint8), out=view)
    return torch.from_numpy(layers.reshape(-1, 2)).to(charts.chart.device)


def photo_detail(albedo: np.ndarray, window: FaceWindow) -> Tensor:
    """(T, T, 3) sRGB uint8 of a photographed skin -> (T, T, 3) int8, its log albedo against its mean on the face."""
    table = np.arange(256) / 255
    linear = np.where(table <= 0.04045, table / 12.92, ((table + 0.055) / 1.055) ** 2.4)
    logs = np.log(np.maximum(linear, 0.004)).astype(np.float32)[albedo]
    side = len(albedo) / window.grid
    cheeks = window.landmarks_px[[50, 280, 205, 425, 9, 151, 199]] + (window.left, window.top)
    patches = [_patch(logs, *(point * side)) for point in cheeks]
    mean = np.median(np.concatenate(patches), 0)
    return torch.from_numpy(np.clip(np.round((logs - mean) / _PHOTO_STEP), -127, 127).astype(np.int8))


def _patch(logs: np.ndarray, x: float, y: float) -> np.ndarray:
    reach = max(len(logs) // 80, 1)
    rows, columns = slice(int(y) - reach, int(y) + reach + 1), slice(int(x) - reach, int(x) + reach + 1)
    return logs[rows, columns].reshape(-1, 3)


def _placed(place_m: Tensor, tile: TilePlace) -> Tensor:
    """(P, 2) metres on the face -> places in a tile."""
    c, s = np.cos(tile.turn_rad) / tile.size_m, np.sin(tile.turn_rad) / tile.size_m
    turn = place_m.new_tensor([[c, s], [-s, c]])
    return torch.addmm(place_m.new_tensor(tile.shift), place_m, turn)


def _over(under: Tensor, colour: Tensor, share: Tensor) -> Tensor:
    return torch.lerp(under, colour, share[:, None])


def _bilinear(texture: Tensor, uv: Tensor) -> Tensor:
    """(h, w, 3) int8 at (P, 2) -> (P, 3) float32."""
    height, width = texture.shape[:2]
    place = (uv * uv.new_tensor([width, height]) - 0.5).clamp_min_(0)
    column, row = place.long().unbind(1)
    column, row = column.clamp_(max=width - 2), row.clamp_(max=height - 2)
    right, down = (place[:, 0] - column)[:, None], (place[:, 1] - row)[:, None]
    rows, first = texture.view(-1, 3), row * width + column
    above = torch.lerp(rows[first].float(), rows[first + 1].float(), right)
    below = torch.lerp(rows[first + width].float(), rows[first + width + 1].float(), right)
    return torch.lerp(above, below, down)


@dataclass(frozen=True, eq=False)
class PlainSkin:
    """Skin of the body: the head's tone at its edge, with the same mottling."""

    blotches: NoiseTile
    log_tone: Tensor  # (3,)
    pigments: Tensor  # (2, 3)
    look: SkinLook
    wrap: tuple[float, float, float]

    def __call__(self, hits: Hits) -> Shading:
        """Shade P places of the body."""
        blotch = self.blotches.at(hits.position_m[:, :2] * (1 / self.look.blotches.size_m))
        amounts = blotch[:, :2] * blotch.new_tensor([self.look.mottle_melanin, self.look.mottle_blood])
        albedo = torch.addmm(self.log_tone, amounts, -0.7 * self.pigments).exp_().clamp_(0, 1)
        return Shading(
            albedo, 0.024 + 0.010 * self.look.oil, 0.56 - 0.12 * self.look.oil, None, _EDGE_OCCLUSION, wrap=self.wrap
        )


def plain_skin(blotches: NoiseTile, look: SkinLook, traits: Traits) -> PlainSkin:
    """Skin of the rest of the person."""
    new = blotches.rows.new_tensor
    softness = 1 - 0.6 * traits.melanin
    return PlainSkin(
        blotches,
        new(np.log(skin_tone(look, traits))),
        new(np.stack([melanin_direction(traits.melanin), blood_direction(traits.melanin)])),
        look,
        (0.25 * softness, 0.10 * softness, 0.06 * softness),
    )
