"""Which part of the model is visible from outside, and the points of facial skin that are judged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.ict.model import NARROW_FACE, IctModel
from shared.geometry.camera import Camera
from shared.geometry.meshes import face_normals, unit, vertex_normals
from shared.geometry.rotation import axis_angle_to_matrix
from shared.render.rasterizer import rasterize

POINTS = 4000  # of each face
_SIDE, _FAR_M, _WIDE_M = 384, 4.0, 0.36  # pixels; so far away that the view is nearly parallel; width of the view
_VIEWS_DEG = [(yaw, pitch) for pitch in (-50, -20, 10, 40) for yaw in range(-80, 81, 20)]
# From these no inside of a nostril, a lid or a lip is visible, and nothing below the chin; pitch: from above.
_SKIN_VIEWS_DEG = [(yaw, pitch) for pitch in (0, 15) for yaw in (-50, -25, 0, 25, 50)]


@dataclass(frozen=True, eq=False)
class SurfaceSamples:
    """Points that lie at the same places of every head."""

    triangles: np.ndarray  # (N, 3) vertices
    barycentric: np.ndarray  # (N, 3)

    def of(self, verts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points and unit normals (N, 3) of vertices (V, 3), in their frame and unit."""
        corners = verts[self.triangles]
        points = (corners * self.barycentric[..., None]).sum(1)
        flat = torch.arange(3 * len(corners)).reshape(-1, 3)
        return points, face_normals(torch.from_numpy(corners.reshape(-1, 3)), flat).numpy()


def triangles_of(model: IctModel) -> Tensor:
    """(T, 3) int64 of all that is drawn: every part but the irises, which lie inside the eyeballs and are painted."""
    drawn = [ends for name, ends in model.part_quads.items() if not name.startswith("iris")]
    return torch.from_numpy(np.concatenate([model.triangles(*ends) for ends in drawn]))


def openness(model: IctModel) -> Tensor:
    """(V,) in [0, 1]: how much of the light from in front reaches each vertex of the mean head."""
    verts, triangles = torch.from_numpy(model.neutral_mm / 1e3), triangles_of(model)
    normals, reached, all_light = vertex_normals(verts, triangles), torch.zeros(len(verts)), torch.zeros(len(verts))
    for yaw, pitch in _VIEWS_DEG:
        direction, seen = _seen(verts, triangles, yaw, pitch)
        light = (normals @ direction).clamp_min(0)
        reached, all_light = reached + light * seen, all_light + light
    return torch.where(all_light > 0, reached / all_light.clamp_min(1e-9), torch.zeros(()))


def skin_samples(model: IctModel, seed: int = 0) -> SurfaceSamples:
    """Points spread evenly by area over the facial skin of the mean head: what shows from in front, without eyes,
    ears, scalp, neck, and the insides of mouth and nose.
    """
    verts, all_triangles = torch.from_numpy(model.neutral_mm / 1e3), triangles_of(model)
    seen = torch.zeros(len(verts), dtype=torch.bool)
    for yaw, pitch in _SKIN_VIEWS_DEG:
        seen |= _seen(verts, all_triangles, yaw, pitch)[1] > 0
    narrow = torch.from_numpy(model.triangles(*NARROW_FACE))
    triangles = narrow[seen[narrow].all(1)]
    areas = face_normals(verts, triangles, normalise=False).norm(dim=1).double().numpy()
    rng = np.random.default_rng(seed)
    places = (np.arange(POINTS) + rng.random(POINTS)) / POINTS * areas.sum()
    chosen = np.minimum(np.searchsorted(np.cumsum(areas), places), len(areas) - 1)
    root, along = np.sqrt(rng.random(POINTS)), rng.random(POINTS)
    barycentric = np.stack([1 - root, root * (1 - along), root * along], 1)
    return SurfaceSamples(triangles.numpy()[chosen], barycentric)


def _seen(verts_m: Tensor, triangles: Tensor, yaw_deg: float, pitch_deg: float) -> tuple[Tensor, Tensor]:
    """Unit direction (3,) towards a far camera, and whether it sees each vertex (V,), 0 or 1."""
    turn = axis_angle_to_matrix(torch.tensor([0.0, math.radians(yaw_deg), 0.0]))
    turn = axis_angle_to_matrix(torch.tensor([math.radians(pitch_deg), 0.0, 0.0])) @ turn
    middle = (verts_m[triangles[:, 0]].amin(0) + verts_m[triangles[:, 0]].amax(0)) / 2
    camera = Camera.at_origin(torch.tensor(_SIDE * _FAR_M / _WIDE_M), (_SIDE, _SIDE))
    cam = camera.world_to_cam((verts_m - middle) @ turn.T + torch.tensor([0.0, 0.0, -_FAR_M]))
    hit = rasterize(cam, triangles, camera).face_index
    seen = torch.zeros(len(verts_m))
    seen[triangles[hit[hit >= 0].unique()]] = 1.0
    return unit(turn.T @ torch.tensor([0.0, 0.0, 1.0])), seen
