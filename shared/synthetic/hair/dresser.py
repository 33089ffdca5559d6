"""Hair for any head: what a `HairLook` says, as surfaces of the scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.synthetic.hair.beard import BeardMaker
from shared.synthetic.hair.falling import Body, StrandTextures, draped, gathered
from shared.synthetic.hair.fur import Patch, hanging
from shared.synthetic.hair.hairline import SIDE, Hairline
from shared.synthetic.hair.material import StrandMaterial
from shared.synthetic.hair.skull import CROWN, Roots, Skull, SkullMap, skin_faces, skull_centre
from shared.synthetic.hair.styles import Drape, Gather, HairLook, Tufts
from shared.synthetic.hair.textures import flow_streaks
from shared.synthetic.hair.thinning import as_bytes, frayed, shell_cover
from shared.synthetic.hair.tufts import tufts
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import PosedHead, Surface
from shared.synthetic.scene.smoothstep import smoothstep

_ROOTS = 2600
_CAP_M = 0.0012
_UNDER_HAT_M = 0.004
_NECK_M = (0.09, 0.19)  # below the skull's centre: hair above turns with the skull, below with the base of the neck


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
    textures: StrandTextures
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
            StrandTextures.of(device),
            BeardMaker.of(assets),
        )

    def surfaces(self, head: PosedHead, look: HairLook, traits: Traits, under_hat: bool) -> list[Surface]:
        """Hair of the head, none for the bald; under a hat nothing on top is higher than 5 mm."""
        if look.style == "bald":
            return []
        red, green, blue = (min(c * t, 0.8) for c, t in zip(traits.hair_rgb, look.tint, strict=True))
        rgb = (red, green, blue)
        skull = self.skull_map.skull(head.neutral_m, head.neutral_landmarks_m)
        inside = self.hairline.receded(look.recession, look.thinning)
        out = self._fur(head, look, rgb, inside, under_hat)
        for body in self._bodies(head, skull, look, inside, under_hat):
            points = skull.outside(body.strands.points_m, _CAP_M)
            if under_hat:
                points = skull.pressed(points, _UNDER_HAT_M)
            out.append(_worn(head, skull, points, body, rgb, look.contrast))
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

    def _bodies(self, head: PosedHead, skull: Skull, look: HairLook, inside: np.ndarray, under_hat: bool) -> list[Body]:
        """Hair that is long enough to have a shape of its own."""
        rng = np.random.default_rng(look.seed)
        style = look.body
        if isinstance(style, Tufts):
            line = self.hairline
            depth, sides = line.at(inside, self.roots.uv), line.at(line.sides, self.roots.uv)
            grown = tufts(skull, self.roots, depth, sides, head.neutral_m, style, look.side, look.volume, rng)
            # Curls cover what their shells cover, and those cast shadows.
            return [Body("tufts", grown, self.textures.tuft, not style.curl_m)]
        if isinstance(style, Drape):
            return draped(skull, style, look, self.textures, rng)
        if isinstance(style, Gather):
            return gathered(skull, style, look, self.textures, rng, under_hat)
        return []


def _scaled(rgb: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    red, green, blue = (min(factor * c, 0.85) for c in rgb)
    return red, green, blue


def _worn(
    head: PosedHead, skull: Skull, points: Tensor, body: Body, rgb: tuple[float, float, float], contrast: float
) -> Surface:
    """A body of hair, laid to points (V, 3) of the head frame, in the world: upon the skull, long ends on the trunk."""
    strands, texture = body.strands, body.texture
    low = ((skull.centre_m[1] - points[:, 1:2] - _NECK_M[0]) / (_NECK_M[1] - _NECK_M[0])).clamp(0, 1)
    low = smoothstep(low)

    def moved(vectors: Tensor, place: float) -> Tensor:
        skull_T, root_T = head.T_world_skull, head.T_world_root
        upper = vectors @ skull_T[:3, :3].T + place * skull_T[:3, 3]
        return torch.lerp(upper, vectors @ root_T[:3, :3].T + place * root_T[:3, 3], low)

    return Surface(
        name=body.name,
        verts_m=moved(points, 1.0),
        faces=strands.faces,
        part=Part.HAIR,
        material=StrandMaterial(rgb, moved(strands.along, 0.0), 1 + contrast * (texture.tone - 1), strands.occlusion),
        uv=strands.uv,
        cover=texture.cover,
        normals=torch.nn.functional.normalize(moved(skull.outward(points), 0.0), dim=1),
        casts_shadow=body.casts_shadow,
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
