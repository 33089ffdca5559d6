"""Hair too short to fall: a painted cap on the scalp, and shells above it that thin out upwards.

Both are the scalp's own triangles, so they follow shape, pose and expression by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.synthetic.hair.material import StrandMaterial
from shared.synthetic.hair.skull import CROWN, Chart, toward
from shared.synthetic.scene.scene import PosedHead, Surface


@dataclass(frozen=True, eq=False)
class Patch:
    """A part of the head's skin that hair grows on. Static."""

    vertices: Tensor  # (U,) int64 of the head
    faces: Tensor  # (F, 3) rows of ``vertices``
    vertex_uv: np.ndarray  # (U, 2) in the chart
    uv: Tensor  # (F, 3, 2)
    flow_from: Tensor  # (U, 3) unit: where the vertices lie on the template, seen from the chart's centre

    @staticmethod
    def of(assets: FlameAssets, chart: Chart, centre_m: Tensor, faces: Tensor, inside: np.ndarray) -> Patch:
        """The triangles that reach in where ``inside`` (h, w), over the chart, is above 0."""
        out = torch.nn.functional.normalize(assets.v_template - centre_m, dim=1)
        vertex_uv = chart.uv(out)
        index = (vertex_uv.cpu().numpy() * len(inside)).astype(int).clip(0, len(inside) - 1)
        reached = torch.from_numpy(inside[index[:, 1], index[:, 0]] > 0).to(faces.device)
        ahead = (out @ out.new_tensor(chart.pole)).acos() < chart.reach - 0.15
        chosen = faces[reached[faces].any(1) & ahead[faces].all(1)]
        vertices, rows = chosen.unique(return_inverse=True)
        return Patch(vertices, rows, vertex_uv[vertices].cpu().numpy(), vertex_uv[vertices][rows], out[vertices])

    def shell(
        self,
        head: PosedHead,
        name: str,
        height_m: Tensor | float,
        comb: Tensor,
        cover: np.ndarray,
        rgb: tuple[float, float, float],
        tone: Tensor,
        occlusion: float,
        casts_shadow: bool,
    ) -> Surface:
        """The patch, lifted by ``height_m`` (U,) along its normals and combed by ``comb`` (U, 3), world, metres."""
        normals = head.normals[self.vertices]
        lift = height_m[:, None] if isinstance(height_m, Tensor) else height_m
        return Surface(
            name=name,
            verts_m=head.verts_m[self.vertices] + lift * normals + comb,
            faces=self.faces,
            part=Part.HAIR,
            material=StrandMaterial(rgb, comb + 0.7 * lift * normals, tone, occlusion),
            uv=self.uv,
            cover=torch.from_numpy(cover).to(head.verts_m.device),
            normals=normals,
            casts_shadow=casts_shadow,
        )

    def combed(self, head: PosedHead, flow: Tensor) -> Tensor:
        """Directions (U, 3) of the neutral head, along the skin of the posed head, world, unit."""
        normals = head.normals[self.vertices]
        world = flow @ head.T_world_skull[:3, :3].T
        return torch.nn.functional.normalize(world - normals * (world * normals).sum(1, keepdim=True), dim=1)


def hanging(directions: Tensor) -> Tensor:
    """(U, 3) the flow of short hair: away from the crown, and down on the sides."""
    behind = toward(directions, (0.0, -0.6, -0.8))
    low = torch.nn.functional.normalize(0.8 * toward(directions, (0.0, -1.0, 0.15)) + 0.5 * behind, dim=1)
    top = ((directions[:, 1:2] - 0.35) / 0.4).clamp(0, 1)
    return torch.nn.functional.normalize(torch.lerp(low, -toward(directions, CROWN.pole), top), dim=1)
