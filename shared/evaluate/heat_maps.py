"""Errors painted on a head: mean errors on the template, and those of one picture where they are."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from shared.evaluate.faces import TrueFace, evaluation_skin, now_landmarks
from shared.flame.schema import FlameAssets, LandmarkEmbedding
from shared.geometry.camera import Camera
from shared.geometry.meshes import align, unit, vertex_normals
from shared.geometry.rotation import axis_angle_to_matrix
from shared.render.interpolate import at_vertices, surface_points
from shared.render.rasterizer import rasterize

_MAP = cv2.COLORMAP_VIRIDIS
_CLAY = (0.62, 0.62, 0.64)  # where no error is known: outside the evaluated skin
LIMIT_MM = 4.0  # the same in all reports, so that they can be laid side by side
_SUPERSAMPLE = 2
_SPLAT_PX = 2.5  # radius of a point of a preview
_SPREAD_STEPS = 2  # small triangles hold no sample: their corners take the mean of the neighbours
_VIEW_YAW_DEG = (0.0, 55.0, -55.0)
_VIEW_DISTANCE_M, _VIEW_FOCAL = 0.8, 3.1  # focal length over the picture's side


class HeatPainter:
    """Draws errors of skin samples on heads of one model."""

    def __init__(self, assets: FlameAssets, samples: LandmarkEmbedding) -> None:
        self.assets = assets
        self.samples = samples
        self._skin = evaluation_skin(assets)
        edges = torch.cat([assets.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2))])
        numbers = (edges[:, 0] * assets.n_vertices + edges[:, 1]).unique()  # each edge once
        self._from, self._to = numbers // assets.n_vertices, numbers % assets.n_vertices

    def at_vertices(self, distance_mm: Tensor) -> Tensor:
        """Errors (N,) of the samples, NaN for none -> (V, 2): mean near each vertex, and 1 where there is one or 0."""
        known = distance_mm.isfinite()
        corners = self.assets.faces[self.samples.face_index[known]].reshape(-1)
        weight = self.samples.barycentric.float()[known]
        pairs = torch.stack([weight * distance_mm.float()[known, None], weight], -1).reshape(-1, 2)
        total = torch.zeros(self.assets.n_vertices, 2).index_add(0, corners, pairs)
        for _ in range(_SPREAD_STEPS):
            total = total.index_add(0, self._to, 0.2 * total[self._from])
        known = (total[:, 1] > 1e-3) & self._skin
        mean = torch.where(known, total[:, 0] / total[:, 1].clamp_min(1e-9), torch.zeros(()))
        return torch.stack([mean, known.float()], 1)

    def paint(self, verts_m: Tensor, distance_mm: Tensor, camera: Camera) -> np.ndarray:
        """(H, W, 4) uint8 RGB and opacity: a head (V, 3), world, coloured from 0 to `LIMIT_MM`."""
        height, width = camera.size
        fine = camera.resized((_SUPERSAMPLE * height, _SUPERSAMPLE * width))
        verts_cam, faces = fine.world_to_cam(verts_m), self.assets.faces
        points = surface_points(rasterize(verts_cam, faces, fine), verts_cam, faces, fine)
        attributes = torch.cat([self.at_vertices(distance_mm), vertex_normals(verts_cam, faces)], 1)
        drawn = at_vertices(points, faces, attributes).numpy()
        value = np.clip(drawn[:, 0] / np.maximum(drawn[:, 1], 1e-6) / LIMIT_MM, 0, 1)
        colour = np.where(drawn[:, 1:2] > 0.5, colours(value), _CLAY)
        facing = -unit(torch.from_numpy(drawn[:, 2:])).numpy()[:, 2:]
        picture = np.zeros((*fine.size, 4), np.float32)
        lit = colour * (0.55 + 0.45 * np.clip(facing, 0, 1))
        picture[points.row.numpy(), points.column.numpy()] = np.concatenate([lit, np.ones((len(lit), 1))], 1)
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        picture[..., :3] /= np.maximum(picture[..., 3:], 1e-6)
        return (255 * picture.clip(0, 1) + 0.5).astype(np.uint8)

    def views(self, distance_mm: Tensor, side: int = 340) -> np.ndarray:
        """(side, 3 side, 4) uint8: the template from the front and from both sides."""
        camera = Camera.at_origin(torch.tensor(_VIEW_FOCAL * side), (side, side))
        skin = self.samples.positions(self.assets.v_template, self.assets.faces)
        middle = (skin.amin(0) + skin.amax(0)) / 2 * torch.tensor([0.0, 1.0, 0.0])
        drawn = []
        for degrees in _VIEW_YAW_DEG:
            turn = axis_angle_to_matrix(torch.tensor([0.0, math.radians(degrees), 0.0]))
            verts = (self.assets.v_template - middle) @ turn.T + torch.tensor([0.0, 0.0, -_VIEW_DISTANCE_M])
            drawn.append(self.paint(verts, distance_mm, camera))
        return np.concatenate(drawn, 1)


class Places:
    """Where on a head the errors of true points are painted."""

    def __init__(self, assets: FlameAssets, samples: LandmarkEmbedding, of_samples: bool) -> None:
        self.count = len(samples.face_index)
        self._of_samples = of_samples
        self._landmarks = now_landmarks(assets.v_template, assets).double()
        self._tree = KDTree(samples.positions(assets.v_template, assets.faces).numpy())

    def at_samples(self, face: TrueFace, distance_mm: Tensor) -> Tensor:
        """Errors (N,) of a true face's points -> (samples,) mean of those that lie nearest; NaN where none do.

        Points of another head than the one that is painted go where they lie once their landmarks are on its own.
        """
        if self._of_samples:
            return distance_mm
        on_head = align(face.landmarks_m.double(), self._landmarks, with_scale=True).apply(face.points_m.double())
        nearest = torch.from_numpy(self._tree.query(on_head.numpy())[1])
        total, count = (torch.zeros(self.count, dtype=torch.float64) for _ in range(2))
        total.index_add_(0, nearest, distance_mm.double())
        return total / count.index_add_(0, nearest, torch.ones_like(distance_mm, dtype=torch.float64))


def paint_points(points_m: Tensor, normals: Tensor, distance_mm: Tensor, camera: Camera) -> np.ndarray:
    """(H, W, 4) uint8 RGB and opacity: points (N, 3) in the world that face the camera, coloured by their errors."""
    verts_cam = camera.world_to_cam(points_m)
    normals_cam = unit(normals) @ camera.T_cam_world[:3, :3].T
    facing = -(normals_cam * unit(verts_cam)).sum(1)
    pixels = (16 * camera.project_cam(verts_cam)).round().int().numpy()
    order = torch.argsort(verts_cam[:, 2], descending=True)
    order = order[facing[order] > 0]
    rgb = 255 * colours((distance_mm / LIMIT_MM).numpy()) * (0.55 + 0.45 * facing.clamp(0, 1)[:, None].numpy())
    picture = np.zeros((*camera.size, 4), np.uint8)
    for index in order.tolist():  # the nearest last
        cv2.circle(picture, pixels[index].tolist(), int(16 * _SPLAT_PX), (*rgb[index].tolist(), 255), -1, shift=4)
    return picture


def colours(share: np.ndarray) -> np.ndarray:
    """(N,) in [0, 1] -> (N, 3) RGB in [0, 1], from no error to the largest."""
    index = (255 * np.clip(share, 0, 1) + 0.5).astype(np.uint8)
    return cv2.applyColorMap(index[:, None], _MAP)[:, 0, ::-1] / np.float32(255)


def colour_bar(steps: int = 12) -> str:
    """The colours as the stops of a CSS gradient."""
    rgb = (255 * colours(np.linspace(0, 1, steps)) + 0.5).astype(int)
    return ", ".join(f"rgb({r}, {g}, {b})" for r, g, b in rgb)


def over(image: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """A layer (H, W, 4) uint8 over a picture (H, W, 3) uint8."""
    opacity = layer[..., 3:].astype(np.float32) / 255
    return (image * (1 - opacity) + layer[..., :3] * opacity + 0.5).astype(np.uint8)
