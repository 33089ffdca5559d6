"""The body below a head: skin and clothes as surfaces of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.synthetic.body.fabric import FabricBank, FabricMaterial
from shared.synthetic.body.garment import ClothGrid, Jaw, lay, neckline_m
from shared.synthetic.body.look import BodyLook, Fabric
from shared.synthetic.body.trunk_mesh import Bust, BustShape
from shared.synthetic.scene.scene import Material, PosedHead, Surface

_UNDER_CLOTH_M = 0.05  # so far under the edge of the innermost cloth there is still skin


@dataclass(frozen=True, eq=False)
class BustMaker:
    """Makes bodies for one head model."""

    shape: BustShape
    bank: FabricBank

    @staticmethod
    def of(assets: FlameAssets) -> BustMaker:
        """Made once; ValueError if the head's neck has no open edge."""
        return BustMaker(BustShape.of(assets), FabricBank.make())

    def surfaces(self, head: PosedHead, look: BodyLook, skin: Material) -> list[Surface]:
        """Skin from the head's edge down, then each fabric."""
        bust = self.shape.pose(head, look.build, look.posture)
        faces = self._seen_skin(bust, look).to(bust.verts_m.device)
        surfaces = [Surface("neck skin", bust.verts_m, faces, Part.NECK, skin, normals=bust.normals)]
        jaw = Jaw.of(head)
        fabrics: dict[Fabric, list[ClothGrid]] = {}
        for piece in look.pieces:
            fabrics.setdefault(piece.fabric, []).append(lay(piece, bust, jaw))
        bank, up = self.bank.to(bust.verts_m.device), bust.T_world_trunk[:3, 1]
        depth_m = (head.camera.T_cam_world @ bust.T_world_trunk)[2, 3]
        pixel_m = float(depth_m / head.camera.focal_px[0])
        for number, (fabric, grids) in enumerate(fabrics.items()):
            surfaces.append(_cloth(f"cloth {number}", grids, FabricMaterial(bank, fabric, up, pixel_m)))
        return surfaces

    def _seen_skin(self, bust: Bust, look: BodyLook) -> torch.Tensor:
        """Triangles that no cloth covers for sure."""
        faces = self.shape.faces.to(bust.verts_m.device)
        if not look.pieces:
            return faces
        under = bust.along_m > neckline_m(look.pieces[0].neckline, bust) + _UNDER_CLOTH_M
        hidden = torch.cat([under.new_zeros(len(self.shape.edge.loop)), under[1:].flatten()])
        return faces[~hidden[faces].all(1)]


def _cloth(name: str, grids: list[ClothGrid], material: Material) -> Surface:
    """One surface of all pieces of a fabric."""
    starts = [0]
    for grid in grids:
        starts.append(starts[-1] + len(grid.verts_m))
    faces = torch.cat([grid.faces + start for grid, start in zip(grids, starts[:-1], strict=True)])
    uv = torch.cat([grid.uv_m for grid in grids])
    return Surface(name, torch.cat([g.verts_m for g in grids]), faces, Part.CLOTH, material, uv=uv[faces])
