"""Hair, brows, lashes and the inside of the mouth as surfaces on a posed head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.records import TensorRecord
from shared.synthetic.hair.material import StrandMaterial
from shared.synthetic.makehuman.base_mesh import BaseMesh
from shared.synthetic.makehuman.binding import Binding, Clearance
from shared.synthetic.makehuman.cards import Picture, PictureMaterial, StrandField
from shared.synthetic.makehuman.files import GarmentFile
from shared.synthetic.scene import Part, PosedHead, Surface

_INSIDE = ("eyes", "sockets", "mouth_interior", "teeth", "tongue")
# Least height over the skin, and whether what is modelled lower may stay there. Lashes grow out of the lid.
_CLEARANCE_M = {"hair": (0.0015, True), "brows": (0.0004, False)}
_HANGING_M = (0.02, -0.10)  # over the neck joint: above hair moves with the skull, below with the shoulders


@dataclass(frozen=True, eq=False)
class Garment(TensorRecord):
    """One asset, ready to be put on heads."""

    name: str
    binding: Binding
    clearance: Clearance | None
    picture: Picture
    strands: StrandField
    faces: Tensor  # (F, 3) int64
    uv: Tensor  # (F, 3, 2)

    @staticmethod
    def of(file: GarmentFile, kind: str, mesh: BaseMesh, assets: FlameAssets) -> Garment:
        """Bind a garment to the open head. ValueError if it doesn't fit there or its texture can't be read."""
        binding = Binding.of(file, mesh, assets.v_template.cpu())
        clearance = None
        if kind in _CLEARANCE_M:
            least_m, keep = _CLEARANCE_M[kind]
            points = binding.on_neutral(assets.v_template.cpu())
            clearance = Clearance.of(points, assets.v_template.cpu(), skin_faces(assets), least_m, keep)
        picture = Picture.read(file.texture)
        faces, uv = torch.from_numpy(file.faces), torch.from_numpy(file.uv)
        strands = StrandField.of(file.faces, file.uv, picture.strand)
        return Garment(file.name, binding, clearance, picture, strands, faces, uv)

    def hair(self, head: PosedHead, rgb: tuple[float, float, float] | None) -> Surface:
        """On the skull; what hangs below the neck follows the shoulders."""
        points = self.binding.on_neutral(head.neutral_m)
        if self.clearance is not None:
            points = self.clearance.push_out(points, head.neutral_m)
        root_turn, root_shift = head.T_world_root[:3, :3], head.T_world_root[:3, 3]
        neck = root_turn.T @ (head.joints_m[1] - root_shift)
        high, low = (neck[1] + limit for limit in _HANGING_M)
        hanging = ((high - points[:, 1:2]) / (high - low)).clamp(0, 1)
        hanging = hanging * hanging * (3 - 2 * hanging)
        with_skull, with_root = head.skull_to_world(points), points @ root_turn.T + root_shift
        verts = torch.lerp(with_skull, with_root, hanging)
        whorl = head.skull_to_world(head.neutral_m[head.neutral_m[:, 1].argmax()][None])[0]
        return self._sheet(verts, Part.HAIR, rgb, whorl)

    def on_skin(self, head: PosedHead, part: Part, rgb: tuple[float, float, float]) -> Surface:
        """On the face, moved by expression and jaw."""
        verts = self._posed(head)
        if self.clearance is not None:
            verts = self.clearance.push_out(verts, head.verts_m)
        return self._sheet(verts, part, rgb, verts.mean(0))

    def in_mouth(self, head: PosedHead) -> Surface:
        """In its own colours."""
        material = PictureMaterial(self.picture.albedo)
        return Surface(self.name, self._posed(head), self.faces, Part.MOUTH, material, self.uv)

    def _posed(self, head: PosedHead) -> Tensor:
        return self.binding.on_posed(head.verts_m, head.neutral_m, head.T_world_skull[:3, :3])

    def _sheet(self, verts_m: Tensor, part: Part, rgb: tuple[float, float, float] | None, whorl_m: Tensor) -> Surface:
        strand = self.strands.directions(verts_m, whorl_m)
        material = PictureMaterial(self.picture.albedo, specular=0.046, roughness=0.32, strand=strand)
        if rgb is not None:
            material = StrandMaterial(rgb, strand, self.picture.tone)
        return Surface(self.name, verts_m, self.faces, part, material, self.uv, self.picture.cover)


def skin_faces(assets: FlameAssets) -> Tensor:
    """(M, 3) the head's faces that are outer skin."""
    inside = torch.stack([assets.region(name).cpu() for name in _INSIDE]).any(0)
    faces = assets.faces.cpu()
    return faces[~inside[faces].all(1)]
