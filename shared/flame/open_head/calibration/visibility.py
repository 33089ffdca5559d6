"""Which vertices of a head are visible from in front: not those in nostrils, behind lids or between lips."""

from __future__ import annotations

import numpy as np
import torch

from shared.flame.open_head.makehuman import Array
from shared.geometry.camera import Camera
from shared.render.rasterizer import rasterize

YAWS = np.radians([-60.0, -30.0, 0.0, 30.0, 60.0])
DISTANCE_M, SIZE_PX, FOCAL_PX = 2.0, 1024, 6000.0
TOLERANCE_M = 0.5e-3  # behind what is drawn at its pixel


def visible(verts_m: Array, faces: Array) -> Array:
    """(V,) bool for a head (V, 3), x = subject's left, y up, z forward, and its triangles (F, 3)."""
    middle = (verts_m[np.unique(faces)].min(0) + verts_m[np.unique(faces)].max(0)) / 2
    out = np.zeros(len(verts_m), bool)
    camera = Camera.at_origin(torch.tensor(FOCAL_PX), (SIZE_PX, SIZE_PX))
    for yaw in YAWS:
        c, s = np.cos(yaw), np.sin(yaw)
        turn = np.array([[c, 0, s], [0, -1, 0], [s, 0, -c]])  # to x right, y down, z forward
        cam = (verts_m - middle) @ turn.T + [0, 0, DISTANCE_M]
        depth = rasterize(torch.from_numpy(cam).float(), torch.from_numpy(faces), camera).depth_m.numpy()
        column, row = np.floor(camera.project_cam(torch.from_numpy(cam).float()).numpy().T).astype(int)
        inside = (column >= 0) & (column < SIZE_PX) & (row >= 0) & (row < SIZE_PX)
        drawn = depth[row[inside], column[inside]]
        out[inside] |= cam[inside, 2] < drawn + TOLERANCE_M
    return out
