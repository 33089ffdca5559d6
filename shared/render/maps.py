"""The maps of a head: normals, UV, depth and position at every pixel, differentiable."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.meshes import unit, vertex_normals
from shared.records.tensor_record import TensorRecord
from shared.render.interpolate import at_corners, at_vertices, surface_points
from shared.render.rasterizer import Fragments, rasterize


@dataclass(frozen=True)
class RenderedMaps(TensorRecord):
    """What a camera sees of a mesh. Every map is 0 where the mask is False."""

    fragments: Fragments
    mask: Tensor  # (..., H, W) bool
    normal: Tensor  # (..., 3, H, W) unit, camera frame, n_z < 0 faces the viewer
    depth_m: Tensor  # (..., H, W) camera z
    position_cam_m: Tensor  # (..., 3, H, W)
    position_world_m: Tensor  # (..., 3, H, W)
    uv: Tensor | None  # (..., 2, H, W), None if no UV was given


def render_maps(
    verts_m: Tensor,
    faces: Tensor,
    camera: Camera,
    uv: Tensor | None = None,
    uv_faces: Tensor | None = None,
    *,
    normals: Tensor | None = None,
    fragments: Fragments | None = None,
    backend: str | None = None,
) -> RenderedMaps:
    """Rasterise and interpolate a mesh.

    Args:
        verts_m: (..., V, 3) metres, world frame.
        faces: (F, 3) int64.
        camera: its leading dimensions broadcast against those of the vertices; maps have its size.
        uv, uv_faces: (T, 2) and (F, 3), as in ``FlameAssets``.
        normals: (..., V, 3) unit, world frame; area-weighted vertex normals if None.
        fragments: the result of an earlier `rasterize` of the same faces, to keep the choice of triangles fixed.
        backend: see `rasterize`.
    """
    verts_cam = camera.world_to_cam(verts_m)
    if fragments is None:
        fragments = rasterize(verts_cam, faces, camera, backend=backend)
    points = surface_points(fragments, verts_cam, faces, camera)
    if normals is None:
        normals_cam = vertex_normals(verts_cam, faces)  # a rotation apart, so right-handed in both frames
    else:
        normals_cam = normals @ camera.T_cam_world[..., :3, :3].transpose(-1, -2)
    return RenderedMaps(
        fragments=fragments,
        mask=fragments.mask,
        normal=points.scatter(unit(at_vertices(points, faces, normals_cam))),
        depth_m=points.scatter(points.depth_m),
        position_cam_m=points.scatter(at_vertices(points, faces, verts_cam)),
        position_world_m=points.scatter(at_vertices(points, faces, verts_m)),
        uv=None if uv is None or uv_faces is None else points.scatter(at_corners(points, uv[uv_faces])),
    )
