"""The rasteriser of pytorch3d: for CUDA, and the oracle of the tests.

The only place that knows pytorch3d's axes: x left, y up, and a shorter image side that spans [-1, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

from shared.render.cover import Cover
from shared.render.limits import FARTHEST_PX, NEAR_M

_LAYERS = 24  # see-through triangles over each other in one pixel


def rasterize_pytorch3d(
    verts_cam_m: Tensor,
    faces: Tensor,
    intrinsics: Tensor,
    size: tuple[int, int],
    cover: Cover | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Rasterise (B, V, 3) with intrinsics (B, 4: fx, fy, cx, cy). See `rasterizer.rasterize`.

    Returns face_index (B, H, W) int64, barycentric (B, H, W, 3) and depth_m (B, H, W) float32.
    """
    from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
    from pytorch3d.structures import Meshes

    n_images, n_verts = verts_cam_m.shape[:2]
    n_faces = len(faces)
    points = verts_cam_m.double()
    seen = (points[..., 2] > NEAR_M) & points.isfinite().all(-1)  # (B, V)
    pixels = points[..., :2] / points[..., 2:] * intrinsics[:, None, :2] + intrinsics[:, None, 2:]
    seen &= (pixels.abs() < FARTHEST_PX).all(-1)
    screen = torch.where(seen[..., None], _to_screen(pixels, points[..., 2:], size), torch.ones_like(points)).float()
    # A triangle to drop becomes a point, which keeps the numbering of the others.
    kept = seen[:, faces].all(-1)  # (B, F)
    triangles = torch.where(kept[..., None], faces.expand(n_images, -1, -1), torch.zeros_like(faces[:1, :1]))
    if n_images == 0 or n_verts == 0 or n_faces == 0:
        empty = torch.zeros(n_images, *size, device=points.device)
        return torch.full_like(empty, -1, dtype=torch.int64), empty[..., None].repeat(1, 1, 1, 3), empty

    face_index, depth_m, barycentric, _ = rasterize_meshes(
        Meshes(list(screen), list(triangles)),
        image_size=size,
        blur_radius=0.0,
        faces_per_pixel=1 if cover is None else _LAYERS,
        max_faces_per_bin=n_faces,  # a small head may lie in one bin
        perspective_correct=True,
        clip_barycentric_coords=False,
    )
    # pytorch3d numbers the faces of the whole batch in one row.
    offsets = torch.arange(n_images, device=faces.device)[:, None, None, None] * n_faces
    face_index = torch.where(face_index < 0, face_index, face_index - offsets)
    nearest = torch.zeros_like(face_index[..., :1]) if cover is None else _first_seen(cover, face_index, barycentric)
    face_index = face_index.gather(-1, nearest)[..., 0]
    depth_m = depth_m.gather(-1, nearest)[..., 0]
    barycentric = barycentric.gather(-2, nearest[..., None].expand(*nearest.shape, 3))[..., 0, :]
    empty = face_index < 0
    return (
        face_index,
        barycentric.masked_fill(empty[..., None], 0.0),
        depth_m.masked_fill(empty, 0.0),
    )


def _first_seen(cover: Cover, face_index: Tensor, barycentric: Tensor) -> Tensor:
    """(B, H, W, 1) which of the layers (B, H, W, K), sorted by depth, a pixel sees; where none, one that is empty."""
    rows = torch.arange(face_index.shape[1], device=face_index.device)[:, None, None]
    columns = torch.arange(face_index.shape[2], device=face_index.device)[:, None]
    seen = cover.seen(face_index.clamp_min(0), barycentric, rows, columns) | (face_index < 0)
    seen[..., -1] = True  # more layers than are kept: the last hides what is behind
    return seen.int().argmax(-1, keepdim=True)


def _to_screen(pixels: Tensor, depth_m: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels (B, V, 2) at depths (B, V, 1) -> (B, V, 3) of pytorch3d's screen x and y, and the depth."""
    middle = pixels.new_tensor([size[1] / 2, size[0] / 2])
    return torch.cat([(middle - pixels) * (2 / min(size)), depth_m], -1)
