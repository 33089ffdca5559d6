"""Shadow maps: the scene as each lamp sees it.

Williams, "Casting Curved Shadows on Curved Surfaces" (SIGGRAPH 1978).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.meshes import unit
from shared.render.cover import Cover
from shared.render.rasterizer import rasterize
from shared.synthetic.lighting import Lamp

MAP_PX = 288
_LAMP_M = 3.0  # how far lamps are: near enough for the perspective camera, far enough for parallel light
_REACH_M = 0.30  # the map covers a ball of this radius about the head
_BLOCKER_M = 0.05  # typical distance of what casts a shadow on a face; sets the blur
_OFFSET_M = 0.0022  # along the normal and towards the lamp, against a surface that shadows itself


@dataclass(frozen=True, eq=False)
class ShadowMap:
    """Depth of the scene from one lamp."""

    camera: Camera
    depth_m: Tensor  # (MAP_PX + 1, MAP_PX + 1), the last row and column and all empty pixels infinite
    direction: Tensor  # (3,) towards the lamp
    blur_px: float

    def arrives(self, position_m: Tensor, normal: Tensor, row: Tensor, column: Tensor) -> Tensor:
        """(P) share of the lamp's light that reaches points (P, 3) with unit normals, all in the world frame.

        Four samples a sub-pixel, turned from one to the next by its ``row`` and ``column`` in the picture: the average
        over a pixel and its neighbours is smooth.
        """
        points = position_m + _OFFSET_M * (normal + self.direction)
        points = self.camera.world_to_cam(points)
        depth = points[:, 2]
        scale, center = self.camera.focal_px[0] / depth, self.camera.center_px
        x, y = points[:, 0] * scale + center[0], points[:, 1] * scale + center[1]
        turn = ((row % 2) * 2 + column % 2 + 4 * (row // 2 % 2)).to(depth.dtype) * (math.pi / 16)
        along, across = turn.cos() * self.blur_px, turn.sin() * self.blur_px
        flat, stride = self.depth_m.reshape(-1), self.depth_m.shape[1]
        total = torch.zeros_like(depth)
        for dx, dy, reach in (
            (along, across, 1.0),
            (-across, along, 0.75),
            (-along, -across, 0.5),
            (across, -along, 0.25),
        ):
            # Beyond the border lies the last row or column, where nothing casts a shadow.
            u = (x + reach * dx).long().clamp(0, stride - 1)
            v = (y + reach * dy).long().clamp(0, stride - 1)
            total += flat[v * stride + u] >= depth
        return total / 4


def shadow_map(lamp: Lamp, centre_m: Tensor, verts_m: Tensor, faces: Tensor, cover: Cover | None) -> ShadowMap:
    """What ``lamp`` sees of a mesh (V, 3), world; the map is centred on the head's centre (3,)."""
    direction = verts_m.new_tensor(lamp.direction)
    focal = MAP_PX / (2 * math.tan(math.asin(_REACH_M / _LAMP_M)))
    camera = Camera(
        focal_px=verts_m.new_tensor([focal, focal]),
        center_px=verts_m.new_tensor([MAP_PX / 2, MAP_PX / 2]),
        T_cam_world=_look_along(direction, centre_m),
        size=(MAP_PX, MAP_PX),
    )
    seen = rasterize(camera.world_to_cam(verts_m), faces, camera, cover=cover)
    depth = verts_m.new_full((MAP_PX + 1, MAP_PX + 1), math.inf)
    depth[:-1, :-1] = torch.where(seen.mask, seen.depth_m, math.inf)
    depth[0], depth[:, 0] = math.inf, math.inf
    texels_per_m = focal / _LAMP_M
    return ShadowMap(camera, depth, direction, max(0.7, math.tan(lamp.radius_rad) * _BLOCKER_M * texels_per_m))


def _look_along(direction: Tensor, centre_m: Tensor) -> Tensor:
    """T_cam_world (4, 4) of a camera ``_LAMP_M`` from the centre in ``direction``, looking at it."""
    forward = -direction
    helper = direction.new_tensor([0.0, 0.0, 1.0] if abs(float(direction[1])) > 0.9 else [0.0, 1.0, 0.0])
    right = unit(torch.linalg.cross(forward, helper))
    down = torch.linalg.cross(forward, right)
    out = torch.eye(4, dtype=direction.dtype, device=direction.device)
    out[:3, :3] = torch.stack([right, down, forward])
    out[:3, 3] = -out[:3, :3] @ (centre_m + _LAMP_M * direction)
    return out
