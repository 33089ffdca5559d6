"""Tangents of a head's surface at chosen vertices, as differences of neighbouring vertices."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.points import FlamePoints
from shared.geometry.meshes import vertex_normals


def surface_tangents(model: FlameModel, vertices: Tensor) -> FlamePoints:
    """Two tangents at each vertex, unit and perpendicular on the mean head.

    A tangent is the least-squares slope of the surface over the vertex's neighbours along a direction of its tangent
    plane, so it is linear in the vertices and follows every shape, expression and pose.

    Args:
        model: of the head.
        vertices: (P,) int64, each with two neighbours at least.

    Returns:
        2 P differences: the first tangent of every vertex, then the second.
    """
    rings = _rings(model.faces, vertices)  # (P, C), the vertex itself where there are fewer
    rest = model.v_template
    normal = vertex_normals(rest, model.faces)[vertices]
    axis = torch.nn.functional.one_hot(normal.abs().argmin(1), 3).to(normal)
    first = torch.nn.functional.normalize(torch.linalg.cross(axis, normal), dim=1)
    plane = torch.stack([first, torch.linalg.cross(normal, first)], 2)  # (P, 3, 2)
    offset = rest[rings] - rest[vertices][:, None]
    slope = torch.linalg.pinv((offset @ plane).double()).to(rest)  # (P, 2, C)
    slope = slope * (rings != vertices[:, None])[:, None]
    weights = torch.cat([slope, -slope.sum(2, keepdim=True)], 2)  # (P, 2, C + 1)
    columns = torch.cat([rings, vertices[:, None]], 1)
    return FlamePoints.from_mixes(model, torch.cat([columns, columns]), torch.cat([weights[:, 0], weights[:, 1]]))


def _rings(faces: Tensor, vertices: Tensor) -> Tensor:
    """(P, C) neighbours of each vertex, padded with the vertex itself."""
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = torch.cat([edges, edges.flip(1)]).unique(dim=0)
    rings = [edges[edges[:, 0] == vertex, 1] for vertex in vertices]
    widest = max(len(ring) for ring in rings)
    return torch.stack([torch.cat([r, v.expand(widest - len(r))]) for r, v in zip(rings, vertices, strict=True)])
