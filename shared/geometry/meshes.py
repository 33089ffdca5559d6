"""Triangle meshes: normals, rigid alignment, mirroring. Distances to a surface: `shared.geometry.closest`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.geometry.rotation import nearest_rotation
from shared.records.tensor_record import TensorRecord

_TINY = 1e-30  # keeps the direction of a zero normal at zero instead of NaN


def face_normals(verts: Tensor, faces: Tensor, normalise: bool = True) -> Tensor:
    """(..., V, 3), (F, 3) -> (..., F, 3) outward normals, of unit length or as long as twice the triangle's area.

    Zero for a degenerate triangle. The frame is that of the vertices, which must be right-handed.
    """
    a, b, c = verts[..., faces[:, 0], :], verts[..., faces[:, 1], :], verts[..., faces[:, 2], :]
    normals = torch.linalg.cross(b - a, c - a)
    return unit(normals) if normalise else normals


def vertex_normals(verts: Tensor, faces: Tensor) -> Tensor:
    """(..., V, 3), (F, 3) -> (..., V, 3) unit normals, area-weighted, differentiable; zero for a vertex of no face."""
    normals = face_normals(verts, faces, normalise=False)
    total = torch.zeros_like(verts)
    for corner in range(3):
        total = total.index_add(-2, faces[:, corner], normals)
    return unit(total)


def unit(vectors: Tensor, dim: int = -1) -> Tensor:
    """Scale to unit length along ``dim``; zero stays zero, with a zero gradient."""
    squared = (vectors**2).sum(dim, keepdim=True)
    # The scale of a tiny vector is irrelevant; only exact zero must be kept away from the root.
    return torch.where(squared > 0, vectors / squared.clamp_min(_TINY).sqrt(), torch.zeros_like(vectors))


@dataclass(frozen=True)
class Similarity(TensorRecord):
    """``target = scale * rotation @ source + translation``."""

    rotation: Tensor  # (..., 3, 3)
    translation: Tensor  # (..., 3)
    scale: Tensor  # (...)

    def apply(self, points: Tensor) -> Tensor:
        """(..., N, 3) -> (..., N, 3)."""
        turned = points @ self.rotation.transpose(-1, -2)
        return self.scale[..., None, None] * turned + self.translation[..., None, :]


def align(source: Tensor, target: Tensor, weights: Tensor | None = None, with_scale: bool = False) -> Similarity:
    """The least-squares rotation, translation and, if asked for, scale that carry source to target.

    Args:
        source, target: (..., N, 3) corresponding points, N >= 3, not all on one line.
        weights: (..., N), not negative; one each by default.
        with_scale: estimate the scale too; 1 otherwise.

    Raises:
        ValueError: if the shapes differ or there are fewer than three points.

    Source: Umeyama 1991; without scale, Kabsch 1976. Rotations only, never a reflection.
    """
    if source.shape[-2:] != target.shape[-2:] or source.shape[-1] != 3 or source.shape[-2] < 3:
        raise ValueError(
            f"align takes two (..., N, 3) sets of N >= 3 corresponding points, got {tuple(source.shape)} and "
            f"{tuple(target.shape)}"
        )
    share = torch.ones_like(source[..., 0]) if weights is None else weights.to(source)
    share = (share / share.sum(-1, keepdim=True))[..., None]
    source_mean, target_mean = (share * source).sum(-2), (share * target).sum(-2)
    a, b = source - source_mean[..., None, :], target - target_mean[..., None, :]
    covariance = (share * b).transpose(-1, -2) @ a
    rotation = nearest_rotation(covariance)
    scale = torch.ones_like(covariance[..., 0, 0])
    if with_scale:
        scale = (rotation * covariance).sum((-1, -2)) / (share * a**2).sum((-1, -2))
    turned = (rotation @ source_mean[..., None]).squeeze(-1)
    return Similarity(rotation, target_mean - scale[..., None] * turned, scale)


def mirrored(verts: Tensor, mirror: Tensor) -> Tensor:
    """(..., V, 3) in the head frame -> the mesh reflected at x = 0, in the same vertex order.

    ``mirror`` (V,) int64 names each vertex's partner, as in ``FlameAssets.mirror``; the faces stay valid.
    """
    return verts[..., mirror, :] * verts.new_tensor([-1.0, 1.0, 1.0])
