"""The CPU rasteriser: a z-buffer over row spans, in float64 from float32 vertices.

A thread owns a band of rows of one image and walks all triangles in order, so a pixel's value does not depend on how
many threads there are. Plain threads over GIL-free kernels are used rather than numba's own, which abort in a process
forked after their first use (as data loaders do).
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch
from numba import njit
from torch import Tensor

from shared.render.cover import Cover
from shared.render.limits import FARTHEST_PX, NEAR_M

_MIN_BAND_PIXELS = 1 << 15  # below this, a second walk over the triangles costs more than it saves
_MIN_AREA_PX = 1e-9  # a triangle seen edge-on covers nothing


def rasterize_numba(
    verts_cam_m: Tensor,
    faces: Tensor,
    intrinsics: Tensor,
    size: tuple[int, int],
    cover: Cover | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Rasterise (B, V, 3) with intrinsics (B, 4: fx, fy, cx, cy). See `rasterizer.rasterize`.

    Returns face_index (B, H, W) int64, barycentric (B, H, W, 3) and depth_m (B, H, W) float32.
    """
    device = verts_cam_m.device
    verts = np.ascontiguousarray(verts_cam_m.cpu().numpy())
    triangles = np.ascontiguousarray(faces.cpu().numpy())
    parameters = np.ascontiguousarray(intrinsics.cpu().numpy().astype(np.float64))
    n_images, (height, width) = len(verts), size
    fragments = (
        torch.empty(n_images, height, width, dtype=torch.int64),
        torch.empty(n_images, height, width, 3),
        torch.empty(n_images, height, width),
    )
    face_index, barycentric, depth = (tensor.numpy() for tensor in fragments)

    see_through = _cover_arrays(cover)

    threads = torch.get_num_threads()
    bands = max(1, min(math.ceil(threads / max(n_images, 1)), height * width // _MIN_BAND_PIXELS, height))
    edges = [round(height * band / bands) for band in range(bands + 1)]

    def work(task: int) -> None:
        image, band = divmod(task, bands)
        rows = (edges[band], edges[band + 1])
        _raster_band(
            verts[image],
            triangles,
            parameters[image],
            rows,
            see_through,
            face_index[image],
            barycentric[image],
            depth[image],
        )

    tasks = range(n_images * bands)
    if threads == 1 or len(tasks) == 1:
        for task in tasks:
            work(task)
    else:
        list(_pool(os.getpid(), threads).map(work, tasks))
    return fragments[0].to(device), fragments[1].to(device), fragments[2].to(device)


def _cover_arrays(cover: Cover | None) -> tuple[np.ndarray, ...]:
    """Layer of each face (empty: all opaque), uv of the corners, texels, their layout, thresholds."""
    if cover is None:
        layer, uv, texels = np.empty(0, np.int64), np.empty((0, 3, 2), np.float32), np.empty(0, np.uint8)
        return layer, uv, texels, np.empty((0, 3), np.int64), np.full((1, 1), 0.5, np.float32)
    tensors = (cover.layer, cover.uv, cover.texels, cover.layout, cover.thresholds)
    return tuple(np.ascontiguousarray(tensor.cpu().numpy()) for tensor in tensors)


# Compiled at the first call and cached on disk; division by zero follows IEEE instead of raising.
_compiled = njit(cache=True, nogil=True, error_model="numpy")


@lru_cache(maxsize=1)
def _pool(pid: int, threads: int) -> ThreadPoolExecutor:
    """The worker threads of this process; a forked child, which inherits none, makes its own."""
    return ThreadPoolExecutor(threads, thread_name_prefix=f"rasterize-{pid}")


@_compiled
def _raster_band(verts, faces, intrinsics, rows, cover, face_index, barycentric, depth):
    """Fill the rows [rows[0], rows[1]) of one image."""
    projected = _project(verts, intrinsics)
    face_index[rows[0] : rows[1]] = -1
    depth[rows[0] : rows[1]] = 0.0  # holds 1 / z while drawing, which is affine on the screen
    for face in range(faces.shape[0]):
        a, b, c = _corners(projected, faces, face)
        # Most triangles of a small picture cover no pixel centre; a call, which counts references, would cost more.
        low, high = min(a[1], b[1], c[1]) - 0.5, max(a[1], b[1], c[1]) - 0.5
        if math.ceil(low) > high or high < rows[0] or low > rows[1] - 1:
            continue
        low, high = min(a[0], b[0], c[0]) - 0.5, max(a[0], b[0], c[0]) - 0.5
        if math.ceil(low) > high or high < 0 or low > face_index.shape[1] - 1:
            continue
        if a[2] != 0.0 and b[2] != 0.0 and c[2] != 0.0:
            _draw(face, a, b, c, rows, cover, depth, face_index)
    for row in range(rows[0], rows[1]):
        for column in range(face_index.shape[1]):
            face = face_index[row, column]
            weights, z = (0.0, 0.0, 0.0), 0.0
            if face >= 0:
                a, b, c = _corners(projected, faces, face)
                weights, z = _resolve(column + 0.5, row + 0.5, a, b, c)
            for corner in range(3):
                barycentric[row, column, corner] = weights[corner]
            depth[row, column] = z


@_compiled
def _corners(projected, faces, face):
    """The corners of a face as tuples; array views would count references for every triangle."""
    i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
    return (
        (projected[i, 0], projected[i, 1], projected[i, 2]),
        (projected[j, 0], projected[j, 1], projected[j, 2]),
        (projected[k, 0], projected[k, 1], projected[k, 2]),
    )


@_compiled
def _project(verts, intrinsics):
    """(V, 3) of x px, y px and 1 / z; 1 / z is 0 for a vertex that drops its triangles."""
    projected = np.zeros((verts.shape[0], 3), np.float64)
    for v in range(verts.shape[0]):
        x, y, z = np.float64(verts[v, 0]), np.float64(verts[v, 1]), np.float64(verts[v, 2])
        if z > NEAR_M and math.isfinite(z):
            column, row = x / z * intrinsics[0] + intrinsics[2], y / z * intrinsics[1] + intrinsics[3]
            if abs(column) < FARTHEST_PX and abs(row) < FARTHEST_PX:  # False for NaN
                projected[v, 0], projected[v, 1], projected[v, 2] = column, row, 1.0 / z
    return projected


@_compiled
def _slope(xa, ya, xb, yb):
    """dx / dy of an edge, the same to the last bit in both directions; 0 for a level edge, which bounds no row."""
    return (xb - xa) / (yb - ya) if yb != ya else 0.0


@_compiled
def _narrow(low, high, a, b, slope, area, y):
    """Cut the span [low, high] of the row at y to the inner side of the edge from a to b.

    The crossing starts from the upper corner whatever the triangle, so the two triangles of an edge agree on it to the
    last bit and leave no gap.
    """
    rise = b[1] - a[1]
    if rise == 0.0:
        return low, high
    crossing = a[0] + (y - a[1]) * slope if rise > 0.0 else b[0] + (y - b[1]) * slope
    if rise * area > 0.0:
        return low, min(high, crossing)
    return max(low, crossing), high


@_compiled
def _draw(face, a, b, c, rows, cover, inverse_depth, face_index):
    """Draw one triangle, wound either way, into the rows of a band."""
    layer_of_face, corner_uv, texels, layout, thresholds = cover
    layer = layer_of_face[face] if len(layer_of_face) > 0 else -1
    # Rows and columns whose centres lie in the bounding box.
    row_low = max(np.ceil(min(a[1], b[1], c[1]) - 0.5), np.float64(rows[0]))
    row_high = min(np.floor(max(a[1], b[1], c[1]) - 0.5), np.float64(rows[1] - 1))
    column_low = max(np.ceil(min(a[0], b[0], c[0]) - 0.5), 0.0)
    column_high = min(np.floor(max(a[0], b[0], c[0]) - 0.5), np.float64(face_index.shape[1] - 1))
    if row_low > row_high or column_low > column_high:
        return
    # Twice the area on the y-down screen; negative where the triangle is counter-clockwise, so facing the camera.
    area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
    if abs(area) < _MIN_AREA_PX:
        return
    slope_x = ((b[2] - a[2]) * (c[1] - a[1]) - (c[2] - a[2]) * (b[1] - a[1])) / area
    slope_y = ((c[2] - a[2]) * (b[0] - a[0]) - (b[2] - a[2]) * (c[0] - a[0])) / area
    slope_ab, slope_bc, slope_ca = (
        _slope(a[0], a[1], b[0], b[1]),
        _slope(b[0], b[1], c[0], c[1]),
        _slope(c[0], c[1], a[0], a[1]),
    )
    for row in range(int(row_low), int(row_high) + 1):
        y = row + 0.5
        low, high = column_low + 0.5, column_high + 0.5
        low, high = _narrow(low, high, a, b, slope_ab, area, y)
        low, high = _narrow(low, high, b, c, slope_bc, area, y)
        low, high = _narrow(low, high, c, a, slope_ca, area, y)
        if not low <= high:  # also where a crossing is not a number
            continue
        inverse_row = a[2] + (y - a[1]) * slope_y - a[0] * slope_x
        for column in range(int(np.ceil(low - 0.5)), int(np.floor(high - 0.5)) + 1):
            inverse = np.float32(inverse_row + (column + 0.5) * slope_x)
            if inverse > inverse_depth[row, column] and (
                layer < 0 or _is_seen(face, layer, column, row, a, b, c, corner_uv, texels, layout, thresholds)
            ):
                inverse_depth[row, column] = inverse
                face_index[row, column] = face


@_compiled
def _is_seen(face, layer, column, row, a, b, c, corner_uv, texels, layout, thresholds):
    """`Cover.seen` for one pixel centre inside the triangle."""
    weights, _ = _resolve(column + 0.5, row + 0.5, a, b, c)
    u, v = 0.0, 0.0
    for corner in range(3):
        u += weights[corner] * corner_uv[face, corner, 0]
        v += weights[corner] * corner_uv[face, corner, 1]
    height, width = layout[layer, 1], layout[layer, 2]
    y = min(int((v - math.floor(v)) * height), height - 1)
    x = min(int((u - math.floor(u)) * width), width - 1)
    shift = ((face * 2654435761) >> 15) & 3
    threshold = thresholds[(row + shift) % len(thresholds), (column + shift // 2) % len(thresholds)]
    return texels[layout[layer, 0] + y * width + x] > 255 * threshold


@_compiled
def _resolve(x, y, a, b, c):
    """Perspective-correct barycentrics and depth of a triangle at the pixel centre (x, y)."""
    ax, ay, bx, by, cx, cy = a[0] - x, a[1] - y, b[0] - x, b[1] - y, c[0] - x, c[1] - y
    area_a, area_b, area_c = bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay
    weight_a, weight_b, weight_c = area_a * a[2], area_b * b[2], area_c * c[2]
    total = weight_a + weight_b + weight_c
    if total == 0.0:  # a sliver that double precision cannot resolve
        return (1.0, 0.0, 0.0), 1.0 / a[2]
    return (weight_a / total, weight_b / total, weight_c / total), (area_a + area_b + area_c) / total
