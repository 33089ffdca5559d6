"""Shadow maps: the scene as each lamp sees it.

Williams, "Casting Curved Shadows on Curved Surfaces" (SIGGRAPH 1978).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.meshes import unit
from shared.render.cover import DITHER
from shared.synthetic.scene.lighting import Lamp
from shared.synthetic.scene.scene import Scene

# numba compiles these into its cache, which follows changes of `light_numba.py` only.
MAP_PX = 336
OFFSET_M = 0.0018  # along the normal and towards the lamp, against a surface that shadows itself
LEAST_FACING = 0.25  # cosine to the lamp, below which a surface counts as no steeper
_N_TAPS = 16
# Samples of a disc of radius 1: a sunflower's seeds.
TAPS = tuple(
    (math.sqrt((i + 0.5) / _N_TAPS) * math.cos(2.39996 * i), math.sqrt((i + 0.5) / _N_TAPS) * math.sin(2.39996 * i))
    for i in range(_N_TAPS)
)
_LAMP_M = 3.0  # how far lamps are: near enough for the perspective camera, far enough for parallel light
_REACH_M = 0.27  # the map covers a ball of this radius about the head
_BLOCKER_M = 0.05  # typical distance of what casts a shadow on a face; sets the blur
FOCAL_PX = MAP_PX / (2 * math.tan(math.asin(_REACH_M / _LAMP_M)))


@dataclass(frozen=True, eq=False)
class ShadowMaps:
    """Depth of the scene from L lamps."""

    rotation: Tensor  # (L, 3, 3) world -> lamp's camera
    translation: Tensor  # (L, 3)
    depth_m: Tensor  # (L, MAP_PX, MAP_PX), infinite where empty and all along the border
    blur_px: Tensor  # (L,) reach of the samples

    @staticmethod
    def of(lamps: Sequence[Lamp], scene: Scene, centre_m: Tensor) -> ShadowMaps:
        """What each lamp sees of the scene about a centre (3,), world."""
        like, casters = scene.verts_m, scene.that_casts_shadows()
        poses = [_look_along(like.new_tensor(lamp.direction), centre_m) for lamp in lamps]
        depth = like.new_full((len(lamps), MAP_PX, MAP_PX), math.inf)
        focal, middle = like.new_tensor([FOCAL_PX] * 2), like.new_tensor([MAP_PX / 2] * 2)
        if casters is not None:
            for row, pose in zip(depth, poses, strict=True):
                seen = casters.rasterize(Camera(focal, middle, pose, (MAP_PX, MAP_PX)), DITHER)
                row[1:-1, 1:-1] = torch.where(seen.mask, seen.depth_m, math.inf)[1:-1, 1:-1]
        stacked = torch.stack(poses) if poses else like.new_zeros(0, 4, 4)
        blur = [max(1.0, math.tan(lamp.radius_rad) * _BLOCKER_M * FOCAL_PX / _LAMP_M) for lamp in lamps]
        return ShadowMaps(stacked[:, :3, :3], stacked[:, :3, 3], depth, like.new_tensor(blur))

    def arrives(self, lamp: int, towards: Tensor, position_m: Tensor, normal: Tensor) -> Tensor:
        """(P) share of a lamp's light that reaches points (P, 3) with unit normals; world frame.

        ``towards`` (3,) is the lamp's direction.
        """
        points = (position_m + OFFSET_M * (normal + towards)) @ self.rotation[lamp].T + self.translation[lamp]
        depth = points[:, 2]
        x, y = (points[:, :2] * (FOCAL_PX / depth)[:, None] + MAP_PX / 2).unbind(1)
        flat, blur = self.depth_m[lamp].reshape(-1), self.blur_px[lamp]
        # A slanted surface is nearer to the lamp on one side of the disc: compare with its plane.
        across, down, forward = (normal @ self.rotation[lamp].T).unbind(1)
        scale = blur * depth / FOCAL_PX / (-forward).clamp_min(LEAST_FACING)
        across, down = across * scale, down * scale
        total = torch.zeros_like(depth)
        for dx, dy in TAPS:
            u, v = (x + blur * dx).long().clamp(0, MAP_PX - 1), (y + blur * dy).long().clamp(0, MAP_PX - 1)
            total += flat[v * MAP_PX + u] >= depth + dx * across + dy * down
        return total / len(TAPS)


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
