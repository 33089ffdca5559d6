"""A head over a frame in a few milliseconds, whatever the size of the picture.

`shared.render.overlay` draws one to judge lids and lips by; this one is for watching: shaded at the vertices, drawn at
`_DRAWN_PX` and enlarged.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numba import njit
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.flame.segmentation import SURFACES, surface_of_vertex
from shared.geometry.camera import Camera
from shared.geometry.meshes import vertex_normals
from shared.render.irises import IRIS_COSINE, eye_axis_cosine
from shared.render.rasterizer import rasterize

_DRAWN_PX = 256  # longer side of what is drawn
_OPACITY = 0.55
_TINTS = {
    "skin": (168, 179, 194),
    "lips": (204, 122, 122),
    "eyes": (245, 245, 245),
    "teeth": (247, 242, 224),
    "tongue": (194, 115, 115),
    "cavity": (97, 61, 66),
}
_IRIS = (64, 115, 179)
_AMBIENT = 0.35  # the rest comes from the viewer's side, a little from above
_TOWARDS_LIGHT = (-0.25, -0.35, -0.9)


class HeadPainter:
    """Draws heads of one model."""

    def __init__(self, assets: FlameAssets) -> None:
        tints = np.array([_TINTS[name] for name in SURFACES], np.float32)[surface_of_vertex(assets).numpy()]
        tints[eye_axis_cosine(assets).numpy() > IRIS_COSINE] = _IRIS
        self._tints, self._faces = tints, assets.faces
        self._triangles = assets.faces.numpy().astype(np.int64)
        light = torch.tensor(_TOWARDS_LIGHT)
        self._light = light / light.norm()

    def __call__(self, image: np.ndarray, verts_m: Tensor, camera: Camera) -> None:
        """Draw over (H, W, 3) uint8 RGB in place: vertices (V, 3) in the world of the camera of the picture."""
        verts_cam = camera.world_to_cam(verts_m)
        if not bool((verts_cam[:, 2] > 0.01).all()):
            return  # around the camera, or not finite: nothing that can be looked at
        pixels = camera.project_cam(verts_cam)
        low = pixels.amin(0).floor().clamp_min(0).int().tolist()
        high = np.minimum(pixels.amax(0).ceil().int().tolist(), camera.size[::-1]).tolist()
        width, height = high[0] - low[0], high[1] - low[1]
        if width < 2 or height < 2:
            return
        scale = min(1.0, _DRAWN_PX / max(width, height))
        columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
        zoom = (columns / width, rows / height)
        affine = torch.tensor([[zoom[0], 0.0, -low[0] * zoom[0]], [0.0, zoom[1], -low[1] * zoom[1]]])
        fragments = rasterize(verts_cam, self._faces, camera.warped(affine, (rows, columns)))
        facing = (vertex_normals(verts_cam, self._faces) @ self._light).clamp_min(0).numpy()
        colours = self._tints * (_AMBIENT + (1 - _AMBIENT) * facing)[:, None]
        layer = _shade(fragments.face_index.numpy(), fragments.barycentric.numpy(), self._triangles, colours)
        layer = cv2.resize(layer, (width, height), interpolation=cv2.INTER_LINEAR)
        _blend(image[low[1] : high[1], low[0] : high[0]], layer)


_compiled = njit(cache=True, nogil=True)


@_compiled
def _shade(face_index, barycentric, faces, colours):
    """(h, w, 4) uint8: colour times opacity, and opacity."""
    height, width = face_index.shape
    layer = np.zeros((height, width, 4), np.uint8)
    for row in range(height):
        for column in range(width):
            face = face_index[row, column]
            if face < 0:
                continue
            for channel in range(3):
                value = np.float32(0.0)
                for corner in range(3):
                    value += barycentric[row, column, corner] * colours[faces[face, corner], channel]
                layer[row, column, channel] = np.uint8(min(max(value, 0.0), 255.0) * _OPACITY)
            layer[row, column, 3] = np.uint8(255 * _OPACITY)
    return layer


@_compiled
def _blend(image, layer):
    """A premultiplied layer (h, w, 4) over (h, w, 3), in place."""
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            rest = 255 - np.int32(layer[row, column, 3])
            if rest == 255:
                continue
            for channel in range(3):
                under = np.int32(image[row, column, channel]) * rest // 255
                image[row, column, channel] = np.uint8(min(under + np.int32(layer[row, column, channel]), 255))
