"""Hair for any head: what a `HairLook` says, as surfaces of the scene."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.synthetic.hair.beard import BeardMaker
from shared.synthetic.hair.drape import (
    bun_curves,
    drape_curves,
    fringe_curves,
    gather_curves,
    tail_curves,
)
from shared.synthetic.hair.fur import Patch, hanging
from shared.synthetic.hair.hairline import SIDE, Hairline
from shared.synthetic.hair.locks import layer, locks
from shared.synthetic.hair.material import StrandMaterial
from shared.synthetic.hair.ribbons import Strands, joined, sheet
from shared.synthetic.hair.skull import CROWN, Roots, Skull, SkullMap, skin_faces, skull_centre
from shared.synthetic.hair.styles import Drape, Gather, HairLook, Tufts
from shared.synthetic.hair.textures import StrandTexture, flow_streaks, sheet_texture, tuft_texture
from shared.synthetic.hair.thinning import as_bytes, frayed, shell_cover
from shared.synthetic.hair.tufts import tufts
from shared.synthetic.person import Traits
from shared.synthetic.scene import Part, PosedHead, Surface

_ROOTS = 2600
_CAP_M = 0.0012
_UNDER_HAT_M = 0.004
_NECK_M = (0.09, 0.19)  # below the skull's centre: hair above turns with the skull, below with the base of the neck
_TILE_M = 0.09  # width of the strands' tile on a sheet


@dataclass(frozen=True, eq=False)
class HairDresser:
    """All that does not depend on the person. `of` takes about two seconds."""

    skull_map: SkullMap
    hairline: Hairline
    scalp: Patch
    roots: Roots
    streaks: np.ndarray  # (SIDE, SIDE) uint8 along the flow of short hair
    stubble: np.ndarray  # (SIDE, SIDE) uint8, the same, finer
    ragged: np.ndarray  # (SIDE, SIDE) float32: how hairlines fray
    dense: StrandTexture
    sparse: StrandTexture
    tuft: StrandTexture
    beards: BeardMaker

    @staticmethod
    def of(assets: FlameAssets) -> HairDresser:
        """KeyError if the head lacks "mediapipe" landmarks or the regions "scalp" and "ears"."""
        device = assets.v_template.device
        ears = assets.region("ears").to(device)
        assets.region("scalp")
        marks = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces)
        centre = skull_centre(marks)
        skin = skin_faces(assets)
        skin = skin[~ears[skin].any(1)]
        hairline = Hairline.of()
        flow = _chart_flow()
        streaks = flow_streaks(flow, 73, 0.8)
        return HairDresser(
            SkullMap.of(assets),
            hairline,
            Patch.of(assets, CROWN, centre, skin, hairline.inside + 0.08),
            Roots.of(assets, CROWN, centre, skin, hairline.inside, _ROOTS),
            as_bytes(streaks),
            as_bytes(flow_streaks(flow, 77, 0.5, 2)),
            1.3 * (streaks - 0.5) + 0.9 * (hairline.grain - 0.5),
            sheet_texture(74, 1.0, 0.16).to(device),
            sheet_texture(75, 0.45, 0.3).to(device),
            tuft_texture(76).to(device),
            BeardMaker.of(assets),
        )

    def surfaces(self, head: PosedHead, look: HairLook, traits: Traits, under_hat: bool) -> list[Surface]:
        """Hair of the head, none for the bald; under a hat nothing on top is higher than 5 mm."""
        if look.style == "bald":
            return []
        red, green, blue = (min(c * t, 0.8) for c, t in zip(traits.hair_rgb, look.tint, strict=True))
        rgb = (red, green, blue)
        skull = self.skull_map.skull(head.neutral_m, head.neutral_landmarks_m())
        inside = self.hairline.receded(look.recession, look.thinning)
        out = self._fur(head, look, rgb, inside, under_hat)
        for strands, texture, name, shadow in self._strands(head, skull, look, inside, under_hat):
            points = skull.outside(strands.points_m, _CAP_M)
            strands = replace(strands, points_m=skull.pressed(points, _UNDER_HAT_M) if under_hat else points)
            out.append(_worn(head, skull, strands, _contrasted(texture, look.contrast), rgb, name, shadow))
        return out

    def beard(self, head: PosedHead, traits: Traits, look: HairLook) -> list[Surface]:
        """Moustache, goatee or full beard where ``traits.beard`` is above 0.4."""
        return self.beards.surfaces(head, traits, look.seed, look.tint)

    def _fur(
        self, head: PosedHead, look: HairLook, rgb: tuple[float, float, float], inside: np.ndarray, under_hat: bool
    ) -> list[Surface]:
        """The cap and its shells."""
        line, streaks = self.hairline, self.streaks if look.body else self.stubble
        softness = look.softness * (1.0 if look.body else 1.7)
        edge = frayed(inside, softness, self.ragged)
        tone = 0.62 + (0.3 + 0.2 * look.contrast) / 255 * torch.from_numpy(streaks).to(head.verts_m)
        flow = self.scalp.combed(head, hanging(self.scalp.flow_from))
        # The skin shines through very short hair.
        cap = shell_cover(edge, streaks, -1.0 if look.body else max(-1.0, 0.25 - 90 * look.shell_m), 0.0)
        out = [self.scalp.shell(head, "scalp hair", _CAP_M, 1e-3 * flow, cap, rgb, tone, 0.6, False)]
        longest = max(look.shell_m, look.top_shell_m)
        if longest == 0:
            return out
        at = self.scalp.vertex_uv
        taper = (line.at(inside, at) / (0.05 + 4.0 * longest)).clip(0.25, 1)
        length = (look.top_shell_m + (look.shell_m - look.top_shell_m) * line.at(line.sides, at)) * taper
        length = np.minimum(length, _UNDER_HAT_M - _CAP_M if under_hat else 1.0)
        height = torch.from_numpy(length.astype(np.float32)).to(head.verts_m)
        shells = int(np.clip(longest / 0.002, 3, 6))
        for k in range(shells):
            share = (k + 1) / shells
            # Curls keep together where straight hair thins out.
            cover = shell_cover(edge, streaks, 0.12 + 0.68 * share - look.fluff * (1.1 - 0.3 * share), 0.4 * share)
            comb = (0.6 * (1 - look.fluff) * share * height)[:, None] * flow + 1e-4 * flow
            lit, shadow = _scaled(rgb, 0.9 + 0.35 * share * (1 - look.fluff)), k == shells // 2
            height_m, light = _CAP_M + share * height, 0.6 + 0.4 * share * (1 - look.fluff)
            out.append(self.scalp.shell(head, f"fur {k}", height_m, comb, cover, lit, tone, light, shadow))
        return out

    def _strands(
        self, head: PosedHead, skull: Skull, look: HairLook, inside: np.ndarray, under_hat: bool
    ) -> list[tuple[Strands, StrandTexture, str, bool]]:
        """Meshes, their textures, names, and whether they cast shadows."""
        rng = np.random.default_rng(look.seed)
        body = look.body
        if isinstance(body, Tufts):
            line = self.hairline
            depth, sides = line.at(inside, self.roots.uv), line.at(line.sides, self.roots.uv)
            grown = tufts(skull, self.roots, depth, sides, head.neutral_m, body, look.side, look.volume, rng)
            return [(grown, self.tuft, "hair", not body.curl_m)]  # curls cover what their shells cover
        if isinstance(body, Drape):
            return self._draped(skull, body, look, rng)
        if isinstance(body, Gather):
            return self._gathered(skull, body, look, rng, under_hat)
        return []

    def _draped(
        self, skull: Skull, drape: Drape, look: HairLook, rng: np.random.Generator
    ) -> list[tuple[Strands, StrandTexture, str, bool]]:
        curves = drape_curves(skull, drape, look.side, 0.014 * look.volume, rng)
        inner = layer(skull, curves, drape.curl_m, -0.005, rng)
        outer = layer(skull, curves, drape.curl_m, 0.0, rng)
        top = layer(skull, curves, drape.curl_m, 0.0015, rng)
        full = [
            sheet(inner, _shade(inner, 0.35, 0.5), _TILE_M, 0.0),
            sheet(outer, _shade(outer, 0.6, 1.0), _TILE_M, 0.3),
        ]
        loose = [locks(skull, layer(skull, curves, drape.curl_m, 0.0, rng), 150, rng)]
        thin = [sheet(top, _shade(top, 0.7, 1.0), _TILE_M, 0.6)]
        if drape.fringe > 0:
            sweep = look.side * 0.12 if drape.parting_deg else 0.0
            front = fringe_curves(skull, drape.fringe, sweep, 0.004 * look.volume, rng)
            full.append(sheet(front, _shade(front, 0.6, 1.0), _TILE_M, 0.1))
            loose.append(locks(skull, front + 0.0, 30, rng))
        return [
            (joined(full), self.dense, "hair", True),
            (joined(thin), self.sparse, "loose hair", False),
            (joined(loose), self.tuft, "locks", False),
        ]

    def _gathered(
        self, skull: Skull, gather: Gather, look: HairLook, rng: np.random.Generator, under_hat: bool
    ) -> list[tuple[Strands, StrandTexture, str, bool]]:
        curves = gather_curves(skull, gather, 0.006 * look.volume)
        full = [sheet(curves, _shade(curves, 0.85, 0.9), _TILE_M, 0.0)]
        loose = [locks(skull, curves, 70, rng)]
        if not (under_hat and gather.elevation_deg > 8):
            if gather.bun_m:
                knot = bun_curves(skull, gather)
                full.append(sheet(knot, _shade(knot, 0.8, 0.8), 0.05, 0.2))
            if gather.tail_m:
                loose.append(locks(skull, tail_curves(skull, gather, 90, rng), 90, rng))
        if gather.fringe > 0:
            front = fringe_curves(skull, gather.fringe, 0.1 * look.side, 0.004 * look.volume, rng)
            full.append(sheet(front, _shade(front, 0.6, 1.0), _TILE_M, 0.1))
            loose.append(locks(skull, front, 30, rng))
        return [(joined(full), self.dense, "hair", True), (joined(loose), self.tuft, "locks", False)]


def _scaled(rgb: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    red, green, blue = (min(factor * c, 0.85) for c in rgb)
    return red, green, blue


def _shade(curves: Tensor, root: float, tip: float) -> Tensor:
    """(S, T) light that gets to a sheet's curves."""
    return torch.linspace(root, tip, curves.shape[1], device=curves.device).expand(curves.shape[:2])


def _contrasted(texture: StrandTexture, contrast: float) -> StrandTexture:
    return StrandTexture(texture.cover, 1 + contrast * (texture.tone - 1))


def _worn(
    head: PosedHead,
    skull: Skull,
    strands: Strands,
    texture: StrandTexture,
    rgb: tuple[float, float, float],
    name: str,
    casts_shadow: bool,
) -> Surface:
    """Strands of the head frame, in the world: upon the skull, and long hair's ends upon the trunk."""
    points = strands.points_m
    low = ((skull.centre_m[1] - points[:, 1:2] - _NECK_M[0]) / (_NECK_M[1] - _NECK_M[0])).clamp(0, 1)
    low = low * low * (3 - 2 * low)

    def moved(vectors: Tensor, place: float) -> Tensor:
        skull_T, root_T = head.T_world_skull, head.T_world_root
        upper = vectors @ skull_T[:3, :3].T + place * skull_T[:3, 3]
        return torch.lerp(upper, vectors @ root_T[:3, :3].T + place * root_T[:3, 3], low)

    return Surface(
        name=name,
        verts_m=moved(points, 1.0),
        faces=strands.faces,
        part=Part.HAIR,
        material=StrandMaterial(rgb, moved(strands.along, 0.0), texture.tone, strands.occlusion),
        uv=strands.uv,
        cover=texture.cover,
        normals=torch.nn.functional.normalize(moved(skull.outward(points), 0.0), dim=1),
        casts_shadow=casts_shadow,
    )


def _chart_flow() -> np.ndarray:
    """(SIDE, SIDE, 2) unit steps in texels along the flow of short hair."""
    directions = torch.from_numpy(CROWN.directions(SIDE))
    step = CROWN.uv(
        torch.nn.functional.normalize(
            directions + 0.01 * hanging(directions.reshape(-1, 3)).reshape(directions.shape), dim=-1
        )
    )
    flow = (step - CROWN.uv(directions)).numpy()
    return (flow / np.linalg.norm(flow, axis=-1, keepdims=True).clip(1e-9)).astype(np.float32)
