"""Rigid refinement of an alignment: the predicted surface is moved onto the true points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.geometry.closest import SurfaceTree
from shared.geometry.meshes import Similarity, align, face_normals, unit
from shared.geometry.rotation import axis_angle_to_matrix

MAX_STEPS = 30
_TOUCHING_M = 1e-9  # below it the direction to the nearest point is rounding
_GAIN_M = 1e-7  # a step that lowers the rms distance by less is the last


@dataclass(frozen=True)
class Match:
    """The nearest point of a mesh's surface for each of N true points."""

    points: Tensor  # (N, 3) true points
    nearest: Tensor  # (N, 3) on the surface
    normals: Tensor  # (N, 3) of the triangles hit; zero for a degenerate one

    @property
    def rms(self) -> float:
        """Root of the mean squared distance."""
        return float((self.nearest - self.points).square().sum(1).mean().sqrt())


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh that is searched under many poses: the search moves the points, so its tree is built once."""

    tree: SurfaceTree
    normals: Tensor  # (F, 3) float64

    @staticmethod
    def of(verts: Tensor, faces: Tensor) -> Surface:
        """Of (V, 3) float64 and (F, 3), on the CPU. ValueError as in `SurfaceTree.of`."""
        return Surface(SurfaceTree.of(verts.numpy(), faces.numpy()), face_normals(verts, faces))

    def match(self, points: Tensor, pose: Similarity) -> Match:
        """True points (N, 3) float64 to the surface as ``pose`` places it; exact."""
        local = (points - pose.translation) @ pose.rotation / pose.scale
        hit = self.tree.closest(local.numpy())
        normals = self.normals[torch.from_numpy(hit.face_index)] @ pose.rotation.T
        return Match(points, pose.apply(torch.from_numpy(hit.points)), normals)


def refine(points: Tensor, surface: Surface, start: Similarity) -> Similarity:
    """The rotation and translation near ``start`` that bring the mesh onto the points with the least rms distance.

    Iterated point-to-plane steps (Chen & Medioni 1991), and point-to-point steps (Besl & McKay 1992) where those do
    not help; a step is taken only if it lowers the rms distance, so the result is never worse than the start.

    Args:
        points: (N, 3) float64 true points, N >= 3.
        surface: the mesh before ``start``.
        start: its scale is kept.
    """
    pose, current = start, surface.match(points, start)
    steps: tuple[Callable[[Match], Similarity], ...] = (_plane_step, _point_step)
    for _ in range(MAX_STEPS):
        before = current.rms
        for step in steps:
            moved = _after(step(current), pose)
            tried = surface.match(points, moved)
            if tried.rms < current.rms:
                pose, current = moved, tried
            if before - current.rms >= _GAIN_M:
                break
        else:
            break
    return pose


def _plane_step(current: Match) -> Similarity:
    """The small motion of the mesh with the least distances to the points along its normals."""
    offset = current.points - current.nearest
    # The same as the normal, and unlike it not left to rounding where the nearest point is on an edge.
    normals = torch.where(offset.norm(dim=1, keepdim=True) > _TOUCHING_M, unit(offset), current.normals)
    centre = current.points.mean(0)
    size = (current.points - centre).norm(dim=1).mean().clamp_min(1e-12)  # makes rotations as large as translations
    arms = (current.nearest - centre) / size
    lever = torch.cat([torch.linalg.cross(arms, normals), normals], 1)
    gap = (normals * offset).sum(1, keepdim=True)
    # gelsd gives the shortest solution: no sliding along a plane, no spinning of a sphere.
    motion = torch.linalg.lstsq(lever, gap, rcond=1e-9, driver="gelsd").solution[:, 0]
    rotation = axis_angle_to_matrix(motion[:3] / size)
    return Similarity(rotation, centre + motion[3:] - rotation @ centre, torch.ones((), dtype=motion.dtype))


def _point_step(current: Match) -> Similarity:
    """The motion that brings the nearest points onto their true points; it cannot make the rms distance larger."""
    return align(current.nearest, current.points)


def _after(step: Similarity, pose: Similarity) -> Similarity:
    """``pose``, then ``step``, whose scale is 1."""
    return Similarity(step.rotation @ pose.rotation, step.rotation @ pose.translation + step.translation, pose.scale)
