"""Which triangle does each pixel see? `rasterize` answers without gradients; `interpolate` adds them.

Both backends follow the same rules:

- a pixel is its centre, at +0.5; a triangle covers it if the centre lies inside, seen from either side;
- the nearest triangle wins, and of equally near ones the one with the lower index;
- a triangle with a corner that is nearer than ``NEAR_M``, behind the camera, farther than ``FARTHEST_PX`` on the screen
  or not finite is **dropped**, not clipped: a head reaches the near plane only when a fit has gone astray, and a
  dropped triangle cannot blow up;
- a centre exactly on an edge belongs to the triangle (numba) or to neither side (pytorch3d): the one known difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.records.tensor_record import TensorRecord
from shared.render.cover import Cover

BACKENDS = ("numba", "pytorch3d")


@dataclass(frozen=True)
class Fragments(TensorRecord):
    """What each pixel sees."""

    face_index: Tensor  # (..., H, W) int64, row of ``faces``; -1 where empty
    barycentric: Tensor  # (..., H, W, 3) weights of the triangle's corners in 3D (perspective-correct), 0 where empty
    depth_m: Tensor  # (..., H, W) camera z, 0 where empty

    @property
    def mask(self) -> Tensor:
        """(..., H, W) bool, True where the mesh is seen."""
        return self.face_index >= 0


def rasterize(
    verts_cam_m: Tensor,
    faces: Tensor,
    camera: Camera,
    *,
    backend: str | None = None,
    cover: Cover | None = None,
) -> Fragments:
    """Find the visible triangle of every pixel. No gradients.

    Args:
        verts_cam_m: (..., V, 3) metres, camera frame (x right, y down, z forward).
        faces: (F, 3) int64, shared by all meshes.
        camera: its intrinsics and size; its leading dimensions broadcast against those of the vertices.
        backend: "numba" (CPU) or "pytorch3d"; by default numba on the CPU and pytorch3d elsewhere.
        cover: opacity of the triangles; all are opaque without it. Triangles are seen from both sides.

    Returns:
        Fragments with float32 weights and depths, on the device of the vertices.

    Raises:
        ValueError: on wrong shapes, a face that names a vertex that is not there, or an unknown backend.
    """
    check_mesh(verts_cam_m, faces)
    if cover is not None and len(cover.layer) != len(faces):
        raise ValueError(f"the cover is of {len(cover.layer)} faces, the mesh has {len(faces)}")
    height, width = camera.size
    if height < 1 or width < 1:
        raise ValueError(f"the image must have at least one pixel, got (height, width) = {(height, width)}")
    name = backend or ("numba" if verts_cam_m.device.type == "cpu" else "pytorch3d")
    if name not in BACKENDS:
        raise ValueError(f"unknown rasteriser {name!r}: take one of {', '.join(BACKENDS)}")

    batch = torch.broadcast_shapes(verts_cam_m.shape[:-2], camera.focal_px.shape[:-1])
    verts = verts_cam_m.detach().expand(*batch, *verts_cam_m.shape[-2:]).reshape(-1, *verts_cam_m.shape[-2:])
    intrinsics = torch.cat([camera.focal_px, camera.center_px], -1).detach().expand(*batch, 4).reshape(-1, 4)
    if name == "numba":
        from shared.render.numba_backend import rasterize_numba as run
    else:
        from shared.render.pytorch3d_backend import rasterize_pytorch3d as run
    face_index, barycentric, depth_m = run(verts, faces, intrinsics, (height, width), cover)
    return Fragments(
        face_index.reshape(*batch, height, width),
        barycentric.reshape(*batch, height, width, 3),
        depth_m.reshape(*batch, height, width),
    )


def check_mesh(verts: Tensor, faces: Tensor) -> None:
    """ValueError unless verts is (..., V, 3) and faces is (F, 3) with indices in [0, V)."""
    if verts.ndim < 2 or verts.shape[-1] != 3:
        raise ValueError(f"vertices must have shape (..., V, 3), got {tuple(verts.shape)}")
    if faces.ndim != 2 or faces.shape[-1] != 3 or faces.is_floating_point():
        raise ValueError(f"faces must be integers of shape (F, 3), got {faces.dtype} {tuple(faces.shape)}")
    if faces.device.type != "cpu" or len(faces) == 0:  # on a GPU the check would wait for the device at every call
        return
    first, last = int(faces.min()), int(faces.max())
    if first < 0 or last >= verts.shape[-2]:
        raise ValueError(f"faces name vertices {first} to {last}, but the mesh has {verts.shape[-2]} vertices")
