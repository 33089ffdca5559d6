"""What is true in a picture of a real head, place by place, beside what the mean head would say there.

Places are the seen points of the scan. Their normals are the scan's own; which place of the head they are (UV, part of
the face) is that of the head registered to the scan (`teacher.registration.true_heads`), some tenths of a millimetre
beside it. Nothing here depends on a crop or on a network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.evaluate.faces import TrueFace, evaluation_skin
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.schema import FlameAssets
from shared.flame.segmentation import FACE_PARTS, face_parts
from shared.geometry.camera import Camera
from shared.geometry.closest import SurfaceTree
from shared.geometry.meshes import align, unit, vertex_normals
from shared.geometry.rotation import axis_angle_to_matrix
from shared.records.tensor_record import TensorRecord
from shared.render.maps import RenderedMaps, render_maps
from teacher.prior.evaluation.sampling import sample_map

REGIONS = ("forehead", "brows", "eyes", "nose", "cheeks", "mouth", "chin", "rest")
FACING = 0.1  # cosine between a normal and the way to the camera from which a place counts as seen
BEHIND_M = 4e-3  # what lies farther behind the nearest surface is hidden
NEAR_M = 3e-3  # a point of the scan that is farther from the head laid on it has no UV

_EYES, _BROWS, _CHEEKS = (("left_eye", "right_eye"), ("left_brow", "right_brow"), ("left_cheek", "right_cheek"))
_REGION_OF = {name: REGIONS.index(name) for name in REGIONS if name in FACE_PARTS} | {
    part: REGIONS.index(region)
    for region, parts in (("eyes", _EYES), ("brows", _BROWS), ("cheeks", _CHEEKS))
    for part in parts
}


@dataclass(frozen=True)
class PosedHeads(TensorRecord):
    """Vertices in the world frame, metres."""

    fit_m: Tensor  # (V, 3) the head laid on the scan
    mean_m: Tensor  # (V, 3) the mean identity with the true expression, put on it rigidly by the skin of the face
    neutral_m: Tensor  # (V, 3) the same mean head at rest, moved as the one before


@dataclass(frozen=True)
class Yardstick(TensorRecord):
    """What a posed mean head shows at the places (P), and where its vertices are."""

    normal: Tensor  # (P, 3) unit, camera frame; 0 where not seen
    uv: Tensor  # (P, 2)
    seen: Tensor  # (P,) bool: the head covers the pixel
    vertex_px: Tensor  # (V, 2)


@dataclass(frozen=True)
class RealTruth(TensorRecord):
    """One picture's truth: P places of seen skin, and the V vertices of the head laid on the scan."""

    pixel_px: Tensor  # (P, 2) in the full picture
    normal: Tensor  # (P, 3) unit, camera frame, the scan's
    fit_normal: Tensor  # (P, 3) of the head laid on the scan, at the nearest point of its surface
    uv: Tensor  # (P, 2)
    uv_known: Tensor  # (P,) bool
    vertex: Tensor  # (P,) int64 nearest vertex of the head's skin
    vertex_px: Tensor  # (V, 2)
    vertex_seen: Tensor  # (V,) bool
    px_per_m: Tensor  # () pixels of the picture a metre at the depth of the face
    R_cam_head: Tensor  # (3, 3) the head's axes, without its neck's rotation
    mean: Yardstick  # with the true expression: the rest is the person
    neutral: Yardstick  # at rest: the rest is the person and the expression
    place_normal: Tensor  # (P, 3) of the mean head with the true expression, at the true place instead of the pixel


def head_regions(assets: FlameAssets) -> Tensor:
    """(V,) int64: the row in `REGIONS` of every vertex."""
    known, embedding = mediapipe_embedding(assets)
    part = face_parts(assets, known, embedding.positions(assets.v_template, assets.faces))
    return torch.tensor([_REGION_OF[name] for name in FACE_PARTS])[part]


def posed_heads(model: FlameModel, params: FlameParams) -> PosedHeads:
    """Of one head's parameters, without leading dimensions."""
    none = torch.zeros_like
    mean = replace(params, shape=none(params.shape))
    still = replace(
        mean, expression=none(mean.expression), jaw=none(mean.jaw), eyelids=none(mean.eyelids), eyes=none(mean.eyes)
    )
    with torch.no_grad():
        fit_m, mean_m, neutral_m = (model(one).verts_m for one in (params, mean, still))
    skin = evaluation_skin(model.assets)
    motion = align(mean_m[skin], fit_m[skin])
    return PosedHeads(fit_m, motion.apply(mean_m), motion.apply(neutral_m))


def real_truth(model: FlameModel, params: FlameParams, face: TrueFace, camera: Camera) -> RealTruth:
    """One picture's.

    Args:
        model: the head.
        params: of the head that was laid on the scan, without leading dimensions.
        face: the scan, in the camera's world.
        camera: of the full picture.
    """
    assets, heads = model.assets, posed_heads(model, params)
    rendered = {name: _render(assets, getattr(heads, f"{name}_m"), camera) for name in ("fit", "mean", "neutral")}
    R_cam_world = camera.T_cam_world[:3, :3]
    points_cam = camera.world_to_cam(face.points_m.float())
    normals_cam = unit(face.normals.float()) @ R_cam_world.T
    seen = _seen(points_cam, normals_cam, rendered["fit"].depth_m, camera)
    points_m, normals_cam = face.points_m.float()[seen], normals_cam[seen]
    pixel_px = camera.project_cam(points_cam[seen])

    own_faces = _skin_faces(assets)
    hit = SurfaceTree.of(heads.fit_m.numpy(), assets.faces[own_faces].numpy()).closest(points_m.numpy())
    face_index = own_faces[torch.from_numpy(hit.face_index)]
    corners = assets.faces[face_index]
    weights = _barycentric(torch.from_numpy(hit.points), heads.fit_m[corners].double()).float()
    fit_normals, mean_normals = (vertex_normals(verts_m, assets.faces) for verts_m in (heads.fit_m, heads.mean_m))
    verts_cam = camera.world_to_cam(heads.fit_m)
    depth_m = points_cam[seen][:, 2].mean() if bool(seen.any()) else verts_cam[:, 2].mean()
    return RealTruth(
        pixel_px=pixel_px,
        normal=normals_cam,
        fit_normal=unit((fit_normals[corners] * weights[..., None]).sum(1)) @ R_cam_world.T,
        place_normal=unit((mean_normals[corners] * weights[..., None]).sum(1)) @ R_cam_world.T,
        uv=(assets.uv[assets.uv_faces[face_index]] * weights[..., None]).sum(1),
        uv_known=torch.from_numpy(hit.distance) < NEAR_M,
        vertex=corners.gather(1, weights.argmax(1, keepdim=True))[:, 0],
        vertex_px=camera.project_cam(verts_cam),
        vertex_seen=_seen(verts_cam, fit_normals @ R_cam_world.T, rendered["fit"].depth_m, camera),
        px_per_m=camera.focal_px.mean() / depth_m,
        R_cam_head=R_cam_world @ axis_angle_to_matrix(params.global_rot),
        mean=_yardstick(rendered["mean"], heads.mean_m, pixel_px, camera),
        neutral=_yardstick(rendered["neutral"], heads.neutral_m, pixel_px, camera),
    )


def _render(assets: FlameAssets, verts_m: Tensor, camera: Camera) -> RenderedMaps:
    return render_maps(verts_m, assets.faces, camera, assets.uv, assets.uv_faces)


def _yardstick(maps: RenderedMaps, verts_m: Tensor, pixel_px: Tensor, camera: Camera) -> Yardstick:
    assert maps.uv is not None
    found, seen = sample_map(torch.cat([maps.normal, maps.uv]), maps.mask, pixel_px)
    return Yardstick(unit(found[:, :3]) * seen[:, None], found[:, 3:] * seen[:, None], seen, camera.project(verts_m))


def _seen(points_cam: Tensor, normals_cam: Tensor, depth_m: Tensor, camera: Camera) -> Tensor:
    """(N,) bool: inside the picture, turned to the camera, and not behind the rendered head."""
    height, width = camera.size
    column, row = camera.project_cam(points_cam).floor().long().unbind(-1)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    nearest_m = depth_m[row.clamp(0, height - 1), column.clamp(0, width - 1)]
    hidden = (nearest_m > 0) & (points_cam[:, 2] > nearest_m + BEHIND_M)
    facing = -(normals_cam * unit(points_cam)).sum(-1)
    return inside & ~hidden & (facing > FACING)


def _skin_faces(assets: FlameAssets) -> Tensor:
    """(F',) int64 triangles of the face's skin."""
    return evaluation_skin(assets)[assets.faces].all(1).nonzero()[:, 0]


def _barycentric(points: Tensor, corners: Tensor) -> Tensor:
    """Points (N, 3) in the planes of triangles (N, 3, 3) -> (N, 3) weights, none negative."""
    a, b, c = corners.unbind(1)
    normal = torch.linalg.cross(b - a, c - a)
    parts = [torch.linalg.cross(e - d, points - d) for d, e in ((b, c), (c, a), (a, b))]
    weights = torch.stack([(part * normal).sum(-1) for part in parts], -1).clamp(min=0)
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)
