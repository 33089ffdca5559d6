"""What is true of a picture: maps of the head, what each pixel shows, which points are seen.

Everything is computed again at the pixels' centres, without supersampling, so that a map's value is that of one point.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.geometry.meshes import unit
from shared.render.cover import texel
from shared.render.interpolate import mix_corners
from shared.render.rasterizer import rasterize
from shared.synthetic.scene.portrait import PortraitTruth
from shared.synthetic.scene.render import SUPERSAMPLE, Seen
from shared.synthetic.scene.scene import PosedHead

_DEPTH_SLACK_M = 1.5e-3  # how far behind what a sub-pixel sees a point may lie and still be seen
_GRAZING = 0.05  # cosine below which a point counts as turned away


@dataclass(frozen=True, eq=False)
class HeadMaps:
    """The head alone at the pixels' centres; 0 outside it."""

    face_index: Tensor  # (H, W) rows of the head's faces, -1 outside
    normal: Tensor  # (3, H, W) camera frame
    uv: Tensor  # (2, H, W)
    depth_m: Tensor  # (H, W)

    @staticmethod
    def of(head: PosedHead) -> HeadMaps:
        """ValueError if the head has no texture coordinates."""
        assets, camera = head.assets, head.camera
        if not assets.has_uv:
            raise ValueError(f"head {assets.name!r} has no texture coordinates")
        fragments = rasterize(camera.world_to_cam(head.verts_m), assets.faces, camera)
        pixel = (fragments.face_index.reshape(-1) >= 0).nonzero()[:, 0]
        face_index = fragments.face_index.reshape(-1)[pixel]
        barycentric = fragments.barycentric.reshape(-1, 3)[pixel]
        normal = unit(mix_corners(head.normals, assets.faces[face_index], barycentric)) @ camera.T_cam_world[:3, :3].T
        uv = mix_corners(assets.uv, assets.uv_faces[face_index], barycentric)
        height, width = camera.size
        maps = torch.zeros(5, height * width, device=normal.device)
        maps[:, pixel] = torch.cat([normal, uv], 1).T
        maps = maps.reshape(5, height, width)
        return HeadMaps(fragments.face_index, maps[:3], maps[3:], fragments.depth_m)


def portrait_truth(head: PosedHead, maps: HeadMaps, seen: Seen) -> PortraitTruth:
    """All truth of a picture, on the CPU.

    Args:
        head: the head in the picture.
        maps: of that head.
        seen: what the picture sees of the whole scene.
    """
    camera = head.camera
    marks = [head.landmarks_m(name) for name in ("mediapipe", "ibug68")]
    normals = [_landmark_normals(head, name) for name in ("mediapipe", "ibug68")]
    visible = visible_points(torch.cat([head.verts_m, *marks]), torch.cat([head.normals, *normals]), seen)
    verts_visible, visible478, visible68 = visible.split([len(head.verts_m), *map(len, marks)])
    return PortraitTruth(
        params=head.params,
        camera=camera,
        normal=maps.normal,
        uv=maps.uv,
        depth_m=maps.depth_m,
        part=part_map(seen),
        neutral_m=head.neutral_m,
        vertex_visible=verts_visible,
        landmarks_px=camera.project(marks[0]),
        landmarks_visible=visible478,
        landmarks68_px=camera.project(marks[1]),
        landmarks68_visible=visible68,
    ).to("cpu")


def part_map(seen: Seen) -> Tensor:
    """(H, W) uint8 of `Part`: what the centre of each pixel sees; half-opaque things count from one half."""
    face_index = seen.centre.face_index.reshape(-1)
    out = seen.scene.part_of_face(face_index)
    for surface, first, last in seen.scene.ranges():
        if surface.part_map is None or surface.uv is None:
            continue
        pixel = ((face_index >= first) & (face_index < last)).nonzero()[:, 0]
        barycentric = seen.centre.barycentric.reshape(-1, 3)[pixel]
        uv = (surface.uv[face_index[pixel] - first] * barycentric[..., None]).sum(1)
        drawn = surface.part_map[texel(uv, *torch.tensor(surface.part_map.shape, device=uv.device))]
        out[pixel] = torch.where(drawn > 0, drawn, out[pixel])
    return out.reshape(seen.camera.size)


def visible_points(points_m: Tensor, normals: Tensor, seen: Seen) -> Tensor:
    """(N) bool: points (N, 3) with unit normals, world, that at least half of the four sub-pixels around them see."""
    camera = seen.camera
    cam = camera.world_to_cam(points_m)
    pixel = camera.project_cam(cam)
    height, width = camera.size
    inside = (pixel >= 0).all(1) & (pixel[:, 0] < width) & (pixel[:, 1] < height) & (cam[:, 2] > 0)
    cosine = -(normals * points_m).sum(1) / points_m.norm(dim=1)  # the camera is the world's origin
    # A surface seen aslant is nearer on one side of the sub-pixel.
    slope = ((1 - cosine**2).clamp_min(0).sqrt() / cosine.clamp_min(_GRAZING)).clamp_max(8)
    slack = _DEPTH_SLACK_M + 1.5 * slope * cam[:, 2] / (camera.focal_px[0] * SUPERSAMPLE)
    corner = (torch.where(inside[:, None], pixel, 0.0) * SUPERSAMPLE - 0.5).floor().long()
    votes = torch.zeros_like(cosine)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row = (corner[:, 1] + down).clamp(0, height * SUPERSAMPLE - 1)
        column = (corner[:, 0] + right).clamp(0, width * SUPERSAMPLE - 1)
        depth = seen.fine.depth_m[row, column]
        votes += (depth == 0) | (depth > cam[:, 2] - slack)
    return inside & (cosine > _GRAZING) & (votes >= 2)


def _landmark_normals(head: PosedHead, name: str) -> Tensor:
    return torch.nn.functional.normalize(head.assets.landmarks[name].positions(head.normals, head.assets.faces), dim=-1)


@dataclass(frozen=True, eq=False)
class FaceSkin:
    """Which triangles of a head count as its face, for the share that is covered."""

    face_mask: Tensor  # (F,) bool

    @staticmethod
    def of(assets: FlameAssets) -> FaceSkin:
        """From the region "face"; KeyError if the head has none."""
        return FaceSkin(assets.region("face")[assets.faces].all(1))

    def occluded_share(self, maps: HeadMaps, part: Tensor) -> float:
        """Share of the face's pixels, as seen without anything before it, that show hair, an occluder or cloth."""
        on_face = (maps.face_index >= 0) & self.face_mask[maps.face_index.clamp_min(0)]
        part = part.to(on_face.device)  # that of a truth is on the CPU
        covered = on_face & (part >= int(Part.HAIR)) & (part != int(Part.NECK))
        return float(covered.sum() / on_face.sum().clamp_min(1))
