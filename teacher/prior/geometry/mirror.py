"""What a prediction for the mirrored picture says of the picture itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.mediapipe_mesh import mediapipe_mirror
from shared.flame.schema import FlameAssets
from shared.records.tensor_record import TensorRecord
from teacher.prior.geometry.texels import Texels

_TEXELS = 1024


@dataclass(frozen=True)
class Mirror(TensorRecord):
    """The symmetry plane of one head, in its texture, its vertices and MediaPipe's landmarks.

    A texture is mirrored chart by chart, u about an axis of its own, and a chart such as an eyeball's may change places
    with its partner. So ``u + u'`` and ``v' - v`` of a point and its partner are constant on a chart if the layout is
    symmetric (the open head's is), and vary slowly if it nearly is (FLAME's): they are looked up.
    """

    texture: Tensor  # (2, T, T) u + u' and v' - v of each texel, of the nearest chart in a gutter
    landmarks: Tensor  # (478,) int64 partner of each MediaPipe landmark
    partners: Tensor  # (V,) int64 partner of each vertex

    @staticmethod
    def of(assets: FlameAssets) -> Mirror:
        """ValueError if the head has no texture coordinates, or if its template is not symmetric."""
        if assets.mirror is None:
            raise ValueError(f"head {assets.name!r} is not symmetric, so its predictions cannot be mirrored")
        corners_uv, partners_uv, known = _partner_corners(assets)
        texels = Texels.of(assets, _TEXELS, known)
        sums = torch.stack([corners_uv[..., 0] + partners_uv[..., 0], partners_uv[..., 1] - corners_uv[..., 1]], -1)
        return Mirror(texels.mix(sums).permute(2, 0, 1).contiguous(), mediapipe_mirror(), assets.mirror)

    def uv(self, uv_map: Tensor) -> Tensor:
        """(..., 2, H, W) -> the UV of the mirrored surface point for each value; the pixels stay where they are."""
        size = self.texture.shape[-1]
        column, row = (uv_map.detach() * size).long().clamp(0, size - 1).unbind(-3)
        sum_u, shift_v = self.texture[:, row, column]
        return torch.stack([sum_u - uv_map[..., 0, :, :], shift_v + uv_map[..., 1, :, :]], -3)

    def points(self, vertices: Tensor) -> Tensor:
        """(N,) vertices -> (N,) int64 the row in ``vertices`` of each one's partner.

        ValueError if a partner is not among them.
        """
        row_of = torch.full_like(self.partners, -1)
        row_of[vertices] = torch.arange(len(vertices), device=vertices.device)
        rows = row_of[self.partners[vertices]]
        if (rows < 0).any():
            missing = int(vertices[rows < 0][0])
            raise ValueError(f"vertex {missing} is chosen, but not its mirror partner {int(self.partners[missing])}")
        return rows


def _partner_corners(assets: FlameAssets) -> tuple[Tensor, Tensor, Tensor]:
    """UV of all corners (F, 3, 2), of their partners, and which triangles (N,) have a partner.

    Not all have: the diagonals of some quads are not mirrored.
    """
    assert assets.mirror is not None
    by_corners = {tuple(sorted(corners)): face for face, corners in enumerate(assets.faces.tolist())}
    corners_uv = assets.uv[assets.uv_faces]
    partners_uv = torch.zeros_like(corners_uv)
    known = []
    for face, partners in enumerate(assets.mirror[assets.faces].tolist()):
        other = by_corners.get(tuple(sorted(partners)))
        if other is None:
            continue
        rows = dict(zip(assets.faces[other].tolist(), assets.uv_faces[other].tolist(), strict=True))
        partners_uv[face] = assets.uv[[rows[vertex] for vertex in partners]]
        known.append(face)
    return corners_uv, partners_uv, torch.tensor(known, dtype=torch.int64)
