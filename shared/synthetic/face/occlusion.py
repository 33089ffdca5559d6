"""How much of the surrounding light reaches each vertex of a head, baked once by looking at it from all around."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.geometry.meshes import unit, vertex_normals
from shared.render.rasterizer import rasterize

_DIRECTIONS = 56
_SIZE_PX = 224
_DISTANCE_M = 6.0  # from so far the view is nearly parallel
_SPAN_M = 0.34
_SLACK_M = 0.0025  # a vertex that lies less behind what is seen there is seen itself
_FLOOR = 0.06  # light that comes in by scattering


def ambient_occlusion(assets: FlameAssets, jaw_open_rad: float) -> Tensor:
    """(V,) share of a uniform surround that arrives at each vertex of the template with the jaw turned open."""
    verts, faces = _jaw_turned(assets, jaw_open_rad), assets.faces
    normals = vertex_normals(verts, faces)
    centre = (verts.amin(0) + verts.amax(0)) / 2
    directions = _sphere(_DIRECTIONS).to(verts)
    arrived, offered = torch.zeros_like(verts[:, 0]), torch.full_like(verts[:, 0], 1e-6)
    focal = _SIZE_PX * _DISTANCE_M / _SPAN_M
    camera = Camera.at_origin(verts.new_tensor(focal), (_SIZE_PX, _SIZE_PX))
    for direction in directions:
        cosine = (normals @ direction).clamp_min(0)
        seen_from = (verts - centre) @ _view(direction).T + verts.new_tensor([0, 0, _DISTANCE_M])
        depth = rasterize(seen_from, faces, camera).depth_m
        pixel = camera.project_cam(seen_from).long().clamp(0, _SIZE_PX - 1)
        behind = seen_from[:, 2] - depth[pixel[:, 1], pixel[:, 0]]
        free = (behind < _SLACK_M) | (depth[pixel[:, 1], pixel[:, 0]] == 0)
        arrived += cosine * free
        offered += cosine
    share = _spread(arrived / offered, faces)
    return _FLOOR + (1 - _FLOOR) * share


def _jaw_turned(assets: FlameAssets, angle_rad: float) -> Tensor:
    """(V, 3) the template with the jaw open, skinned without correctives."""
    joint = assets.joint_regressor[2] @ assets.v_template
    c, s = math.cos(angle_rad), math.sin(angle_rad)
    turn = assets.v_template.new_tensor([[1, 0, 0], [0, c, -s], [0, s, c]])
    turned = (assets.v_template - joint) @ turn.T + joint
    return assets.v_template + assets.lbs_weights[:, 2:3] * (turned - assets.v_template)


def _sphere(count: int) -> Tensor:
    """(count, 3) unit vectors spread evenly: a Fibonacci lattice."""
    index = torch.arange(count, dtype=torch.float32) + 0.5
    y = 1 - 2 * index / count
    turn = index * math.pi * (3 - math.sqrt(5))
    radius = (1 - y**2).sqrt()
    return torch.stack([radius * turn.cos(), y, radius * turn.sin()], 1)


def _view(direction: Tensor) -> Tensor:
    """(3, 3) rotation into the frame of a camera that looks at the origin from ``direction``."""
    forward = -direction
    aside = direction.new_tensor([0.0, 1.0, 0.0] if abs(float(direction[1])) < 0.9 else [1.0, 0.0, 0.0])
    right = unit(torch.linalg.cross(forward, aside))
    return torch.stack([right, torch.linalg.cross(forward, right), forward])


def _spread(values: Tensor, faces: Tensor) -> Tensor:
    """Average (V,) half with the neighbours."""
    start, stop = faces.reshape(-1), faces.roll(-1, 1).reshape(-1)
    count = torch.zeros_like(values).index_add(0, start, torch.ones_like(values[start])).clamp_min(1)
    return 0.5 * values + 0.5 * torch.zeros_like(values).index_add(0, start, values[stop]) / count
