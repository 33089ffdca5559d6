"""What MediaPipe's landmarks say about each pixel: a coarse UV and a coarse normal, for a network to refine.

Each landmark has a known place on the head. Between landmarks that place is interpolated over MediaPipe's triangles. A
scaled orthographic view of the unposed head that fits the landmarks turns the head's normals and says which triangles
lie in front; MediaPipe's own depth is not used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numba import njit

from shared.flame.landmarks import INNER_LIPS, LEFT_LIDS, N_MEDIAPIPE, RIGHT_LIDS
from shared.flame.mediapipe_mesh import mediapipe_triangles
from shared.flame.schema import FlameAssets
from shared.geometry.meshes import vertex_normals
from teacher.prior.records import LANDMARK_CHANNELS

_N_FACE = 468  # landmarks of the triangles; the irises lie on the eyeballs, in other charts
_RIMS = [*INNER_LIPS, *LEFT_LIDS, *RIGHT_LIDS]
_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class LandmarkMapper:
    """The landmarks' places on one head. Head frame; float64 but for the indices."""

    uv: np.ndarray  # (468, 2)
    places_m: np.ndarray  # (468, 3) from their mean
    normals: np.ndarray  # (468, 3) unit
    triangles: np.ndarray  # (898, 3) int64
    solve: np.ndarray  # (3, 468) pseudo-inverse of ``places_m``

    @staticmethod
    def of(assets: FlameAssets) -> LandmarkMapper:
        """ValueError if the head lacks texture coordinates or MediaPipe's 478 landmarks."""
        embedding = assets.landmarks.get("mediapipe")
        if not assets.has_uv or embedding is None or len(embedding.face_index) != N_MEDIAPIPE:
            raise ValueError(
                f"head {assets.name!r} lacks texture coordinates or the places of MediaPipe's {N_MEDIAPIPE} landmarks"
            )
        places = embedding.positions(assets.v_template, assets.faces)[:_N_FACE].double()
        triangles = mediapipe_triangles()
        normals = embedding.positions(vertex_normals(assets.v_template, assets.faces), assets.faces)[:_N_FACE].double()
        # On the rims of lids and lips the head's own normals point into the eye or the mouth.
        normals[_RIMS] = vertex_normals(places, triangles)[_RIMS]
        centred = places - places.mean(0)
        return LandmarkMapper(
            uv=embedding.positions(assets.uv, assets.uv_faces)[:_N_FACE].double().numpy(),
            places_m=centred.numpy(),
            normals=torch.nn.functional.normalize(normals, dim=-1).numpy(),
            triangles=triangles.numpy(),
            solve=np.linalg.pinv(centred.numpy()),
        )

    def rotation(self, landmarks_px: np.ndarray) -> np.ndarray:
        """(3, 3) from the head's axes to those of the crop, (x right, y down, z forward), by landmarks (478, 2).

        Least squares for the affine map of the places to the pixels, then the two perpendicular directions nearest to
        its rows. ValueError if the landmarks lie on a line.
        """
        points = np.asarray(landmarks_px, np.float64)[:_N_FACE]
        rows = (self.solve @ (points - points.mean(0))).T
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        x, y = rows / np.maximum(length, _TINY)
        forth, across = x + y, x - y  # perpendicular, as x and y are of one length
        if min(length.min(), np.linalg.norm(forth), np.linalg.norm(across)) < _TINY:
            raise ValueError("the landmarks lie on a line: no view of a face looks like this")
        forth, across = forth / np.linalg.norm(forth), across / np.linalg.norm(across)
        x, y = (forth + across) / math.sqrt(2), (forth - across) / math.sqrt(2)
        return np.stack([x, y, np.cross(x, y)])

    def maps(self, landmarks_px: np.ndarray, size: int) -> np.ndarray:
        """Coarse maps at half the resolution of a crop.

        Args:
            landmarks_px: (478, 2) in a crop of ``size`` pixels; those of the irises are not used.
            size: even.

        Returns:
            (6, size / 2, size / 2) float32: u, v, normal (frame "crop") and cover, which is 0 or 1; all 0 where there
            is no face, and everywhere if the landmarks lie on a line.
        """
        maps = np.zeros((LANDMARK_CHANNELS, size // 2, size // 2), np.float32)
        try:
            rotation = self.rotation(landmarks_px)
        except ValueError:
            return maps
        values = np.concatenate([self.uv, self.normals @ rotation.T], 1)
        points = np.asarray(landmarks_px, np.float64)[:_N_FACE] / 2
        depth = self.places_m @ rotation[2]
        draw_triangles(points, depth, values, self.triangles, maps, np.full(maps.shape[1:], np.inf))
        return maps


@njit(cache=True, nogil=True, error_model="numpy")
def draw_triangles(points, depth, values, triangles, maps, nearest):
    height, width = nearest.shape
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = points[i, 0], points[i, 1], points[j, 0], points[j, 1], points[k, 0], points[k, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if not abs(area) > 1e-9:
            continue
        top, bottom = max(math.ceil(min(ay, by, cy) - 0.5), 0), min(math.floor(max(ay, by, cy) - 0.5), height - 1)
        left, right = max(math.ceil(min(ax, bx, cx) - 0.5), 0), min(math.floor(max(ax, bx, cx) - 0.5), width - 1)
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                a = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
                b = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
                c = 1.0 - a - b
                if a < 0.0 or b < 0.0 or c < 0.0:
                    continue
                z = a * depth[i] + b * depth[j] + c * depth[k]
                if z >= nearest[row, column]:
                    continue
                nearest[row, column] = z
                for channel in range(2):
                    maps[channel, row, column] = (
                        a * values[i, channel] + b * values[j, channel] + c * values[k, channel]
                    )
                nx = a * values[i, 2] + b * values[j, 2] + c * values[k, 2]
                ny = a * values[i, 3] + b * values[j, 3] + c * values[k, 3]
                nz = a * values[i, 4] + b * values[j, 4] + c * values[k, 4]
                scale = 1.0 / max(math.sqrt(nx * nx + ny * ny + nz * nz), 1e-12)
                maps[2, row, column], maps[3, row, column], maps[4, row, column] = nx * scale, ny * scale, nz * scale
                maps[5, row, column] = 1.0
