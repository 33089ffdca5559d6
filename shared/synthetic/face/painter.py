"""A head's surfaces: everything static is made once, a look and a pose make the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.synthetic.face.body import PlainSkin, plain_tone
from shared.synthetic.face.brows import draw_brows
from shared.synthetic.face.charts import draw_charts
from shared.synthetic.face.eyes import EyeCharts, eye_material
from shared.synthetic.face.lashes import LashCards, lashes
from shared.synthetic.face.look import FaceLook, Grooming
from shared.synthetic.face.mouth import MouthCharts, mouth_material
from shared.synthetic.face.noise import blotches, pores
from shared.synthetic.face.occlusion import ambient_occlusion
from shared.synthetic.face.parts import from_neck_edge, part_of_face, region_share, split_faces
from shared.synthetic.face.pen import Pen
from shared.synthetic.face.photo import SkinPhoto
from shared.synthetic.face.skin import SkinCharts, skin_material
from shared.synthetic.face.textures import IrisTexture, SkinTexture
from shared.synthetic.face.tones import typology_angle_deg
from shared.synthetic.face.window import FaceWindow
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import Material, PosedHead, Surface

_OPEN_RAD = 0.35  # the second jaw for which occlusion is baked


@dataclass(frozen=True, eq=False)
class FacePainter:
    """Paints heads of one model."""

    assets: FlameAssets
    rows: dict[str, Tensor]  # rows of ``assets.faces`` that "skin", "eyes" and "mouth" consist of
    part: Tensor  # (F,) uint8 of each row of ``assets.faces``
    skin: SkinCharts
    eyes: EyeCharts
    mouth: MouthCharts
    lash_cards: LashCards
    occlusion: Tensor  # (2, V) with the mouth shut and open

    @staticmethod
    def of(assets: FlameAssets, skins: Sequence[SkinTexture] = (), irises: Sequence[IrisTexture] = ()) -> FacePainter:
        """Make what all heads share, on the device of ``assets``.

        ValueError if the head has no texture coordinates or no "mediapipe" landmarks. Regions may be missing.
        """
        window = FaceWindow.of(assets)
        pen = Pen(window)
        device = assets.v_template.device
        spots, rows = blotches().to(device), split_faces(assets)
        vertex = torch.stack([from_neck_edge(assets), region_share(assets, "ears")], 1)
        return FacePainter(
            assets=assets,
            rows=rows,
            part=part_of_face(assets, rows),
            skin=SkinCharts(
                window=window,
                pen=pen,
                chart=draw_charts(window).to(device),
                blotches=spots,
                pores=pores().to(device),
                photos=tuple(SkinPhoto.of(skin, window, device) for skin in skins),
                faces=assets.faces[rows["skin"]],
                corners=torch.cat([assets.uv[assets.uv_faces], vertex[assets.faces]], 2)[rows["skin"]],
            ),
            eyes=EyeCharts.of(assets, tuple(irises), spots),
            mouth=MouthCharts.of(assets, spots),
            lash_cards=LashCards.of(assets, pen),
            occlusion=torch.stack([ambient_occlusion(assets, angle) for angle in (0.0, _OPEN_RAD)]),
        )

    def surfaces(self, head: PosedHead, look: FaceLook, traits: Traits, grooming: Grooming) -> list[Surface]:
        """All triangles of the head as "skin", "eyes" and "mouth", as far as it has them."""
        opened = min(max(head.jaw_open_rad / _OPEN_RAD, 0.0), 1.0)
        occlusion = torch.lerp(self.occlusion[0], self.occlusion[1], opened)
        hairs, label = (None, None) if look.brows is None else draw_brows(self.skin.pen, look.brows)
        materials: dict[str, Material] = {
            "skin": skin_material(self.skin, head, look.skin, traits, grooming, look.brows, hairs, occlusion),
            "eyes": eye_material(self.eyes, look.eyes, head),
            "mouth": mouth_material(self.mouth, look.mouth, occlusion),
        }
        part_maps = {
            "skin": None if label is None else self.skin.window.whole(label * np.uint8(Part.BROWS)).to(self.part.device)
        }
        return [
            Surface(
                name=name,
                verts_m=head.verts_m,
                faces=self.assets.faces[rows],
                part=self.part[rows],
                material=materials[name],
                uv=self.assets.uv[self.assets.uv_faces[rows]],
                part_map=part_maps.get(name),
                normals=head.normals,
                casts_shadow=name == "skin",  # what is inside of it casts none that is seen
            )
            for name, rows in self.rows.items()
        ]

    def lashes(self, head: PosedHead, look: FaceLook, traits: Traits, grooming: Grooming) -> Surface:
        """The lashes of both eyes."""
        return lashes(self.lash_cards, head, look.lash_length, grooming.mascara, traits.hair_rgb)

    def body_skin(self, look: FaceLook, traits: Traits) -> Material:
        """Skin of the body: what the head's neck fades to at its edge."""
        return PlainSkin.of(self.skin.blotches, look.skin, traits)

    def skin_tone_deg(self, look: FaceLook, traits: Traits) -> float:
        """Individual typology angle of the face's plain skin, degrees."""
        return typology_angle_deg(plain_tone(look.skin, traits))
