"""A fitted mesh over its photo, to judge eyes, lids, mouth, jaw line and ears by.

Plain numpy pictures in and out; one image at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.flame.segmentation import SURFACES, surface_of_vertex
from shared.geometry.camera import Camera
from shared.geometry.meshes import unit, vertex_normals
from shared.render.interpolate import SurfacePoints, at_vertices, surface_points
from shared.render.irises import IRIS_COSINE, PUPIL_COSINE, eye_axis_cosine
from shared.render.rasterizer import rasterize

_TINTS = {
    "skin": (0.66, 0.70, 0.76),
    "lips": (0.80, 0.48, 0.48),
    "eyes": (0.96, 0.96, 0.96),
    "teeth": (0.97, 0.95, 0.88),
    "tongue": (0.76, 0.45, 0.45),
    "cavity": (0.38, 0.24, 0.26),
}
_IRIS, _PUPIL = (0.25, 0.45, 0.70), (0.06, 0.06, 0.08)
# Directions to the lights in the camera frame (y down, z away from the camera) and their strengths.
_LIGHTS = (((-0.55, -0.60, -0.58), 0.55), ((0.80, -0.10, -0.59), 0.22), ((0.0, 0.0, -1.0), 0.22))
_AMBIENT = 0.16
_LINE = (0.10, 0.95, 0.55)  # contours; green is rare in faces
_DEPTH_STEP_M = 0.008  # a jump this large between neighbours is an edge of the shape
_MAX_PIXELS = 6_000_000  # supersampling stops here


@dataclass(frozen=True)
class OverlayStyle:
    """How the mesh is drawn."""

    opacity: float = 0.6  # of the shaded surface over the photo
    contours: bool = True  # outline, jaw, ears, lids and lips
    supersample: int = 2


@dataclass(frozen=True)
class _Layer:
    """A drawn mesh inside a window of the image."""

    colour: np.ndarray  # (h, w, 3) float32
    coverage: np.ndarray  # (h, w) float32, share of the pixel
    line: np.ndarray  # (h, w) float32, strength of the contours
    window: tuple[slice, slice]  # rows and columns of the image


def overlay(
    image: np.ndarray,
    verts_m: Tensor,
    faces: Tensor,
    camera: Camera,
    assets: FlameAssets | None = None,
    style: OverlayStyle | None = None,
    landmarks_px: np.ndarray | None = None,
) -> np.ndarray:
    """Blend the shaded mesh over a photo.

    Args:
        image: (H, W, 3) uint8 RGB, of the camera's size.
        verts_m: (V, 3) metres, world frame; the mesh may leave the image.
        faces: (F, 3) int64.
        camera: one camera.
        assets: the head, for the tints of eyes, lips and teeth; plain clay without.
        landmarks_px: (L, 2) dots to draw on top.

    Returns:
        (H, W, 3) uint8 RGB, a new array.
    """
    style = style or OverlayStyle()
    _check(image, verts_m, camera)
    layer = _draw(verts_m, faces, camera, assets, style)
    out = _compose(image, layer, style.opacity, style.contours)
    return out if landmarks_px is None else draw_points(out, landmarks_px)


def draw_points(
    image: np.ndarray, points_px: np.ndarray, colour: tuple[int, int, int] = (255, 210, 60), radius_px: float = 0.0
) -> np.ndarray:
    """Anti-aliased dots at (L, 2) pixels on a copy of (H, W, 3) uint8. The radius follows the image's size if 0."""
    radius = radius_px or max(1.0, max(image.shape[:2]) / 450)
    out = np.ascontiguousarray(image).copy()
    bits = 4
    for x, y in np.asarray(points_px, np.float64):
        if np.isfinite(x) and np.isfinite(y) and abs(x) < 1e5 and abs(y) < 1e5:
            # OpenCV puts pixel centres at integers; ours are at +0.5.
            center = (round((x - 0.5) * 2**bits), round((y - 0.5) * 2**bits))
            cv2.circle(out, center, round(radius * 2**bits), colour, -1, cv2.LINE_AA, bits)
    return out


def _check(image: np.ndarray, verts_m: Tensor, camera: Camera) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"the image must be (H, W, 3) uint8 RGB, got {image.dtype} {image.shape}")
    if image.shape[:2] != tuple(camera.size):
        raise ValueError(
            f"the image is (height, width) {image.shape[:2]}, the camera sees {tuple(camera.size)}: resize the image "
            "or use Camera.warped"
        )
    if verts_m.ndim != 2 or camera.focal_px.ndim != 1:
        raise ValueError(
            f"overlay draws one mesh with one camera; got vertices {tuple(verts_m.shape)} and focal lengths "
            f"{tuple(camera.focal_px.shape)}: index the batch first"
        )


def _draw(verts_m: Tensor, faces: Tensor, camera: Camera, assets: FlameAssets | None, style: OverlayStyle) -> _Layer:
    """Render the window of the image that the mesh covers, supersampled, and average down."""
    verts_m, camera = verts_m.detach().cpu().float(), camera.detach().to("cpu").to(torch.float32)
    faces = faces.cpu()
    window = _window(verts_m, camera)
    height, width = (side.stop - side.start for side in window)
    if height == 0 or width == 0:
        empty = np.zeros((height, width), np.float32)
        return _Layer(np.zeros((height, width, 3), np.float32), empty, empty, window)
    factor = max(1, min(style.supersample, int((_MAX_PIXELS / (height * width)) ** 0.5)))
    affine = torch.tensor([[factor, 0.0, -window[1].start * factor], [0.0, factor, -window[0].start * factor]])
    fine = camera.warped(affine, (height * factor, width * factor))
    verts_cam = fine.world_to_cam(verts_m)
    fragments = rasterize(verts_cam, faces, fine)
    points = surface_points(fragments, verts_cam, faces, fine)
    tint, part = _tints(points, faces, assets if assets is not None and len(verts_m) == assets.n_vertices else None)
    normal = unit(at_vertices(points, faces, vertex_normals(verts_cam, faces)))
    colour = _on_picture(points, tint * _light(normal.numpy())[:, None])
    mask = fragments.mask.numpy()
    line = _contours(points.scatter(points.depth_m).numpy(), _on_picture(points, part), mask, factor)
    coverage = _shrink(mask.astype(np.float32), factor)
    averaged = _shrink(colour, factor) / np.maximum(coverage, 1e-6)[..., None]
    return _Layer(averaged, coverage, _shrink(line, factor), window)


def _window(verts_m: Tensor, camera: Camera) -> tuple[slice, slice]:
    """Rows and columns of the image that the mesh may cover."""
    points = camera.world_to_cam(verts_m)
    in_front = points[points[:, 2] > 0.01]
    height, width = camera.size
    if not len(in_front):
        return slice(0, 0), slice(0, 0)
    pixels = camera.project_cam(in_front).numpy()
    limit = np.array([width, height])
    low = np.clip(np.floor(pixels.min(0)) - 2, 0, limit).astype(int)
    high = np.clip(np.ceil(pixels.max(0)) + 2, 0, limit).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _tints(points: SurfacePoints, faces: Tensor, assets: FlameAssets | None) -> tuple[np.ndarray, np.ndarray]:
    """Colour (P, 3) and part (P,) of every pixel that sees the mesh; clay without ``assets``."""
    if assets is None:
        count = len(points.face_index)
        return np.broadcast_to(np.asarray(_TINTS["skin"], np.float32), (count, 3)), np.zeros(count, np.int64)
    membership = torch.nn.functional.one_hot(surface_of_vertex(assets), len(SURFACES)).float()
    drawn = at_vertices(points, faces, torch.cat([membership, eye_axis_cosine(assets)[:, None]], 1)).numpy()
    shares, cosine = drawn[:, :-1], drawn[:, -1]
    tint = shares @ np.array([_TINTS[name] for name in SURFACES], np.float32)
    part = shares.argmax(-1)
    tint[cosine > IRIS_COSINE] = _IRIS
    tint[cosine > PUPIL_COSINE] = _PUPIL
    return tint, np.where(cosine > IRIS_COSINE, len(SURFACES), part)


def _on_picture(points: SurfacePoints, values: np.ndarray) -> np.ndarray:
    """(P, ...) -> (h, w, ...), 0 where the mesh is not seen."""
    picture = np.zeros((*points.shape, *values.shape[1:]), values.dtype)
    picture[points.row.numpy(), points.column.numpy()] = values
    return picture


def _light(normal: np.ndarray) -> np.ndarray:
    """(P,) brightness of clay under three lights; (P, 3) unit normals in the camera frame."""
    total = np.full(len(normal), _AMBIENT, np.float32)
    for direction, strength in _LIGHTS:
        total += strength * np.clip(normal @ np.asarray(direction, np.float32), 0, None)
    return total


def _contours(depth_m: np.ndarray, part: np.ndarray, mask: np.ndarray, thickness: int) -> np.ndarray:
    """(h, w) 1 on the outline, at steps of depth and between parts."""
    label = np.where(mask, part + 1, 0)
    edge = np.zeros(mask.shape, bool)
    for axis in (0, 1):
        jump = (np.diff(label, axis=axis) != 0) | (np.abs(np.diff(depth_m, axis=axis)) > _DEPTH_STEP_M)
        before, after = [slice(None)] * 2, [slice(None)] * 2
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        edge[tuple(before)] |= jump
        edge[tuple(after)] |= jump
    if thickness > 2:
        edge = cv2.dilate(edge.astype(np.uint8), np.ones((thickness - 1, thickness - 1), np.uint8)) > 0
    return edge.astype(np.float32)


def _shrink(picture: np.ndarray, factor: int) -> np.ndarray:
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) if factor > 1 else picture


def _compose(image: np.ndarray, layer: _Layer, opacity: float, contours: bool) -> np.ndarray:
    """The layer over an image (H, W, 3) uint8; a new array."""
    out = np.array(image)
    patch = out[layer.window].astype(np.float32) / 255
    alpha = (layer.coverage * opacity)[..., None]
    patch = patch * (1 - alpha) + layer.colour * alpha
    if contours:
        strength = 0.8 * layer.line[..., None]
        patch = patch * (1 - strength) + np.asarray(_LINE, np.float32) * strength
    out[layer.window] = (patch.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return out
