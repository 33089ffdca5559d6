"""Hair, brows and lashes as surfaces on a posed head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.records import TensorRecord
from shared.synthetic.hair.material import StrandMaterial
from shared.synthetic.makehuman.base_mesh import BaseMesh
from shared.synthetic.makehuman.binding import Binding, Clearance
from shared.synthetic.makehuman.cards import Picture, PictureMaterial
from shared.synthetic.makehuman.files import GarmentFile
from shared.synthetic.makehuman.strands import strand_directions
from shared.synthetic.scene import Part, PosedHead, Surface

_INSIDE = ("eyes", "sockets", "mouth_interior", "teeth", "tongue")
_CLEARANCE_M = {"hair": 0.002, "brows": 0.0004}  # least height over the skin; lashes grow out of the lid
_HANGING_M = (0.02, -0.10)  # over the neck joint: above hair moves with the skull, below with the shoulders


@dataclass(frozen=True, eq=False)
class Garment(TensorRecord):
    """One asset, ready to be put on heads."""

    name: str
    binding: Binding
    clearance: Clearance | None
    picture: Picture
    strand: Tensor  # (N, 3) unit, along the hair, on the template
    faces: Tensor  # (F, 3) int64
    uv: Tensor  # (F, 3, 2)

    @staticmethod
    def of(file: GarmentFile, kind: str, mesh: BaseMesh, assets: FlameAssets) -> Garment:
        """Bind a garment to the open head. ValueError if it doesn't fit there or its texture can't be read."""
        template_m = assets.v_template.cpu()
        binding = Binding.of(file, mesh, template_m)
        points_m = binding.on_neutral(template_m)
        clearance = None
        if kind in _CLEARANCE_M:
            # The rim of a sheet of hair dips into the skin, where it grows out of it; brows lie on it.
            keep = rim_vertices(file.faces, len(points_m)) & (kind == "hair")
            least = torch.full((len(points_m),), _CLEARANCE_M[kind])
            clearance = Clearance.of(points_m, template_m, skin_faces(assets), least, keep)
        picture = Picture.read(file.texture)
        crown_m = template_m[template_m[:, 1].argmax()]
        strand = strand_directions(points_m.numpy(), file.faces, file.uv, picture.structure.numpy(), crown_m.numpy())
        return Garment(
            name=file.name,
            binding=binding,
            clearance=clearance,
            picture=picture,
            strand=torch.from_numpy(strand),
            faces=torch.from_numpy(file.faces),
            uv=torch.from_numpy(file.uv),
        )

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
        return self._sheet(head, verts, Part.HAIR, rgb)

    def on_skin(self, head: PosedHead, part: Part, rgb: tuple[float, float, float]) -> Surface:
        """On the face, moved by expression and jaw."""
        verts = self.binding.on_posed(head)
        if self.clearance is not None:
            verts = self.clearance.push_out(verts, head.verts_m)
        return self._sheet(head, verts, part, rgb)

    def _sheet(self, head: PosedHead, verts_m: Tensor, part: Part, rgb: tuple[float, float, float] | None) -> Surface:
        strand = self.strand @ head.T_world_skull[:3, :3].T
        if rgb is None:
            material = PictureMaterial(self.picture.albedo, strand)
        else:
            material = StrandMaterial(rgb, strand, self.picture.tone)
        return Surface(self.name, verts_m, self.faces, part, material, self.uv, self.picture.cover)


def rim_vertices(faces: np.ndarray, n_vertices: int) -> Tensor:
    """(V,) bool: ends of edges (of faces (F, 3)) that only one face has."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    rim = np.zeros(n_vertices, bool)
    rim[unique[count == 1]] = True
    return torch.from_numpy(rim)


def skin_faces(assets: FlameAssets) -> Tensor:
    """(M, 3) the head's faces that are outer skin."""
    inside = torch.stack([assets.region(name).cpu() for name in _INSIDE]).any(0)
    faces = assets.faces.cpu()
    return faces[~inside[faces].all(1)]
