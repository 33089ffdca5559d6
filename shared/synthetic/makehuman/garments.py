"""Hair, brows and lashes as surfaces on a posed head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.records.tensor_record import TensorRecord
from shared.synthetic.hair.material import StrandMaterial
from shared.synthetic.makehuman.base_mesh import BaseMesh
from shared.synthetic.makehuman.binding import Binding, Clearance
from shared.synthetic.makehuman.cards import Picture, PictureMaterial
from shared.synthetic.makehuman.files import GarmentFile
from shared.synthetic.makehuman.scalp import faces_under_hair
from shared.synthetic.makehuman.strands import strand_directions
from shared.synthetic.scene.scene import PosedHead, Surface
from shared.synthetic.scene.smoothstep import smoothstep

_INSIDE = ("eyes", "sockets", "mouth_interior", "teeth", "tongue")
_CLEARANCE_M = {"hair": 0.002, "brows": 0.0004}  # least height over the skin; lashes grow out of the lid
_SCALP_M, _SCALP_SHADE = 0.0006, 0.6  # height of the coloured skin under hair, and how dark it is there
_HANGING_M = (0.02, -0.10)  # over the neck joint: above hair moves with the skull, below with the shoulders


@dataclass(frozen=True, eq=False)
class Garment(TensorRecord):
    """One asset, ready to be put on heads."""

    name: str
    binding: Binding
    clearance: Clearance | None
    picture: Picture
    scalp: Tensor  # (M, 3) faces of the head to be coloured as hair
    strand: Tensor  # (N, 3) unit, along the hair, on the template
    faces: Tensor  # (F, 3) int64
    uv: Tensor  # (F, 3, 2)

    @staticmethod
    def of(file: GarmentFile, kind: str, mesh: BaseMesh, assets: FlameAssets) -> Garment:
        """Bind a garment to the open head. ValueError if it doesn't fit there or its texture can't be read."""
        template_m = assets.v_template
        binding = Binding.of(file, mesh, template_m)
        points_m = binding.on_neutral(template_m)
        picture = Picture.read(file.texture)
        clearance, scalp = None, torch.zeros(0, 3, dtype=torch.int64)
        if kind in _CLEARANCE_M:
            # The rim of a sheet of hair dips into the skin, where it grows out of it; brows lie on it.
            keep = rim_vertices(file.faces, len(points_m)) & (kind == "hair")
            least = torch.full((len(points_m),), _CLEARANCE_M[kind])
            skin = skin_faces(assets)
            clearance = Clearance.of(points_m, template_m, skin, least, keep)
            if kind == "hair":
                touched = clearance.corners[(clearance.floor_m > -torch.inf) & picture.opaque_at(file.faces, file.uv)]
                under = faces_under_hair(touched, skin, assets.n_vertices)
                scalp = under[assets.region("scalp")[under].all(1)]
        crown_m = template_m[template_m[:, 1].argmax()]
        strand = strand_directions(points_m.numpy(), file.faces, file.uv, picture.structure.numpy(), crown_m.numpy())
        return Garment(
            name=file.name,
            binding=binding,
            clearance=clearance,
            picture=picture,
            scalp=scalp,
            strand=torch.from_numpy(strand),
            faces=torch.from_numpy(file.faces),
            uv=torch.from_numpy(file.uv),
        )

    def hair(self, head: PosedHead, rgb: tuple[float, float, float] | None) -> list[Surface]:
        """On the skull; what hangs below the neck follows the shoulders. Below the sheets the skin has their colour."""
        points = self.binding.on_neutral(head.neutral_m)
        if self.clearance is not None:
            points = self.clearance.push_out(points, head.neutral_m)
        root_turn, root_shift = head.T_world_root[:3, :3], head.T_world_root[:3, 3]
        neck = root_turn.T @ (head.joints_m[1] - root_shift)
        high, low = (neck[1] + limit for limit in _HANGING_M)
        hanging = smoothstep(((high - points[:, 1:2]) / (high - low)).clamp(0, 1))
        with_skull, with_root = head.skull_to_world(points), points @ root_turn.T + root_shift
        verts = torch.lerp(with_skull, with_root, hanging)
        sheet = self._sheet(head, verts, Part.HAIR, rgb)
        if len(self.scalp) == 0:
            return [sheet]
        down = -head.T_world_skull[:3, 1]
        strand = down - head.normals * (head.normals @ down)[:, None]
        red, green, blue = self.picture.mean_rgb if rgb is None else rgb
        dark = (_SCALP_SHADE * red, _SCALP_SHADE * green, _SCALP_SHADE * blue)
        raised = head.verts_m + _SCALP_M * head.normals
        material = StrandMaterial(dark, strand, occlusion=_SCALP_SHADE)
        scalp = Surface(f"{self.name} scalp", raised, self.scalp, Part.HAIR, material, normals=head.normals)
        return [sheet, scalp]

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
    inside = torch.stack([assets.region(name) for name in _INSIDE]).any(0)
    faces = assets.faces
    return faces[~inside[faces].all(1)]
