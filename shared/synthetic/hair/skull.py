"""The head as a radius over directions, so that hair can be laid over it and kept out of it.

Directions are charted by an azimuthal equidistant map: its middle is where hair whirls on the crown, and it reaches
down to the neck, so that one texture covers everything that hair grows on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, max_pool2d

from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.geometry.meshes import unit
from shared.render.rasterizer import rasterize

_SIDE = 96  # cells of the radius map, of 6 mm each
_EAR_FRONTS = (234, 454)
_HOLLOW = ("mouth_interior", "teeth", "tongue", "sockets", "eyes")


@dataclass(frozen=True)
class Chart:
    """Directions <-> texture coordinates about a pole; ``reach`` is the angle at the texture's border."""

    pole: tuple[float, float, float]
    up: tuple[float, float, float]  # direction at the pole that leads up (-v) in the texture, at right angles to it
    reach: float

    def uv(self, directions: Tensor) -> Tensor:
        """Unit vectors (..., 3) -> (..., 2)."""
        pole, up = directions.new_tensor(self.pole), directions.new_tensor(self.up)
        axes = torch.stack([torch.linalg.cross(up, pole), -up], 1)
        flat = directions @ axes
        angle = (directions @ pole).clamp(-1, 1).acos()
        return 0.5 + flat * (angle / (2 * self.reach * flat.norm(dim=-1).clamp_min(1e-6)))[..., None]

    def directions(self, side: int) -> np.ndarray:
        """(side, side, 3) unit vectors of the texels of a texture."""
        pole, up = np.array(self.pole), np.array(self.up)
        grid = ((np.arange(side) + 0.5) / side - 0.5) * 2 * self.reach
        x, y = np.meshgrid(grid, grid)
        angle = np.hypot(x, y).clip(1e-6, math.pi)
        across = (x[..., None] * np.cross(up, pole) - y[..., None] * up) / angle[..., None]
        return (np.cos(angle)[..., None] * pole + np.sin(angle)[..., None] * across).astype(np.float32)


CROWN = Chart((0.0, 0.894427, -0.447214), (0.0, 0.447214, 0.894427), 2.88)


@dataclass(frozen=True, eq=False)
class Places:
    """Points on the head's skin, as triangles and weights."""

    corners: Tensor  # (..., 3) int64 vertices
    weights: Tensor  # (..., 3)

    def of(self, values: Tensor) -> Tensor:
        """Values (V, C) of the vertices -> (..., C)."""
        return (values[self.corners] * self.weights[..., None]).sum(-2)


def chart_places(assets: FlameAssets, chart: Chart, centre_m: Tensor, side: int, faces: Tensor) -> Places:
    """The outermost skin of the template in the direction of each texel; the nearest place where there is none."""
    away = assets.v_template.cpu() - centre_m.cpu()
    radius = away.norm(dim=1)
    uv = chart.uv(away / radius[:, None])
    angle = (away @ away.new_tensor(chart.pole) / radius).acos()
    faces = faces.cpu()
    faces = faces[(angle[faces] < chart.reach - 0.1).all(1)]
    # The nearest triangle wins, so a place is the nearer the farther out it lies.
    depth = 0.1 / radius[:, None]
    camera = Camera.at_origin(torch.tensor(float(side)), (side, side), torch.zeros(2))
    seen = rasterize(torch.cat([uv * depth, depth], 1), faces, camera, backend="numba")
    index, weights = seen.face_index.numpy(), seen.barycentric.numpy()
    nearest = ndimage.distance_transform_edt(index < 0, return_distances=False, return_indices=True)
    row, column = np.asarray(nearest)
    device = assets.v_template.device
    corners = faces[torch.from_numpy(index[row, column])]
    return Places(corners.to(device), torch.from_numpy(weights[row, column]).to(device))


def skin_faces(assets: FlameAssets) -> Tensor:
    """(F', 3) the triangles that are neither eyes nor inside the mouth."""
    hollow = torch.zeros(assets.n_vertices, dtype=torch.bool, device=assets.v_template.device)
    for name in _HOLLOW:
        if name in assets.regions:
            hollow |= assets.regions[name].to(hollow.device)
    return assets.faces[~hollow[assets.faces].any(1)]


def skull_centre(landmarks_m: Tensor) -> Tensor:
    """(3,) a point amid the skull: above and behind the landmarks in front of the ears."""
    ears = landmarks_m[list(_EAR_FRONTS)].mean(0)
    return ears + ears.new_tensor([0.0, 0.035, -0.018])


@dataclass(frozen=True, eq=False)
class SkullMap:
    """Where the radius of any head is looked up. Static."""

    places: Places  # (side, side)
    grid_uv: Tensor  # (side, side, 2)

    @staticmethod
    def of(assets: FlameAssets) -> SkullMap:
        """KeyError if the head has no "mediapipe" landmarks."""
        marks = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces)
        places = chart_places(assets, CROWN, skull_centre(marks), _SIDE, skin_faces(assets))
        cells = (torch.arange(_SIDE, device=assets.v_template.device) + 0.5) / _SIDE
        row, column = torch.meshgrid(cells, cells, indexing="ij")
        return SkullMap(places, torch.stack([column, row], -1))

    def skull(self, neutral_m: Tensor, landmarks_m: Tensor) -> Skull:
        """The skull of one head: vertices (V, 3) and landmarks (478, 3) of the neutral mesh, head frame."""
        centre = skull_centre(landmarks_m)
        away = self.places.of(neutral_m) - centre
        radius = away.norm(dim=-1)
        # On another head a place lies in a slightly other direction: look where it came from.
        moved = CROWN.uv(away / radius[..., None]) - self.grid_uv
        sample = (2 * (self.grid_uv - moved.clamp(-0.03, 0.03)) - 1)[None]
        radius = grid_sample(radius[None, None], sample, padding_mode="border", align_corners=False)
        smooth = avg_pool2d(max_pool2d(radius, 5, 1, 2), 5, 1, 2, count_include_pad=False)
        return Skull(centre, torch.cat([radius, torch.maximum(smooth, radius)], 1))


@dataclass(frozen=True, eq=False)
class Skull:
    """One person's head without its expression, head frame."""

    centre_m: Tensor  # (3,)
    radii_m: Tensor  # (1, 2, side, side) of the skin, and of a smooth hull about head and ears

    def radius_m(self, directions: Tensor, hull: bool = False) -> Tensor:
        """(...) of the skin or the hull in unit directions (..., 3)."""
        layer = self.radii_m[:, 1:] if hull else self.radii_m[:, :1]
        sample = 2 * CROWN.uv(directions.reshape(1, 1, -1, 3)) - 1
        return grid_sample(layer, sample, padding_mode="border", align_corners=False).reshape(directions.shape[:-1])

    def outside(self, points_m: Tensor, clearance_m: float | Tensor, hull: bool = False) -> Tensor:
        """Points (..., 3), pushed out from the centre where they are nearer to the head than that."""
        away = points_m - self.centre_m
        distance = away.norm(dim=-1, keepdim=True).clamp_min(1e-4)
        direction = away / distance
        least = self.radius_m(direction, hull)[..., None] + clearance_m
        return self.centre_m + direction * torch.maximum(distance, least)

    def pressed(self, points_m: Tensor, thickness_m: float) -> Tensor:
        """Points (..., 3), pulled in to that distance from the head above the ears, as under a hat."""
        away = points_m - self.centre_m
        distance = away.norm(dim=-1, keepdim=True).clamp_min(1e-4)
        most = self.radius_m(away / distance)[..., None] + thickness_m
        above = ((away[..., 1:2] + 0.02) / 0.02).clamp(0, 1)
        return self.centre_m + away / distance * torch.lerp(distance, torch.minimum(distance, most), above)

    def outward(self, points_m: Tensor) -> Tensor:
        """(..., 3) unit, as the normals of hair as a whole: cards shade as one body, not each for itself."""
        away = points_m - self.centre_m
        return unit(away * away.new_tensor([1.0, 0.55, 1.0]))


def toward(directions: Tensor, target: tuple[float, float, float] | Tensor) -> Tensor:
    """(..., 3) unit tangents of the sphere at ``directions`` that lead to a target direction; 0 at the target."""
    goal = torch.as_tensor(target, dtype=directions.dtype, device=directions.device)
    return unit(goal - directions * (directions * goal).sum(-1, keepdim=True))


def compass(azimuth: np.ndarray | float, elevation: np.ndarray | float) -> np.ndarray:
    """(..., 3) unit vectors of angles in degrees: azimuth 0 the front, 90 the subject's left; elevation 90 up."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.stack(np.broadcast_arrays(np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)), -1)


@dataclass(frozen=True, eq=False)
class Roots:
    """Places that hair grows from, in an order of which every beginning is spread over the whole scalp. Static."""

    places: Places  # (N,)
    uv: np.ndarray  # (N, 2) in the chart
    depth: np.ndarray  # (N,) distance inside the hairline, radians

    @staticmethod
    def of(assets: FlameAssets, chart: Chart, centre_m: Tensor, faces: Tensor, inside: np.ndarray, count: int) -> Roots:
        """``inside`` (h, w): distance inside the hairline over the chart; roots have more than 0."""
        side = 512
        places = chart_places(assets, chart, centre_m, side, faces)
        grid = ((np.arange(side) + 0.5) / side - 0.5) * 2 * chart.reach
        angle = np.hypot(*np.meshgrid(grid, grid)).clip(1e-6)
        inside = cv2.resize(inside, (side, side))
        share = np.where((inside > 0) & (angle < math.pi), np.sin(angle) / angle, 0).ravel()
        rng = np.random.default_rng(71)
        chosen = rng.choice(share.size, count, replace=False, p=share / share.sum())
        row, column = np.divmod(chosen, side)
        at = torch.from_numpy(chosen).to(assets.v_template.device)
        corners, weights = places.corners.reshape(-1, 3)[at], places.weights.reshape(-1, 3)[at]
        uv = (np.stack([column, row], 1) + rng.random((count, 2))) / side
        return Roots(Places(corners, weights), uv.astype(np.float32), inside.ravel()[chosen])
