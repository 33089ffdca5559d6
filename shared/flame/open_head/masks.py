"""MakeHuman's painted skin masks (greyscale pictures over the body atlas) on the head's surface."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import map_coordinates

from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.topology import LABELS, Topology

BISECTIONS = 12


@dataclass(frozen=True)
class SkinMask:
    """A mask in [0, 1] over the body atlas."""

    picture: Array  # (H, W)

    def sample(self, atlas: Array) -> Array:
        """(N, 2) atlas coordinates with the origin at the bottom left -> (N,) bilinear values."""
        height, width = self.picture.shape
        rows, columns = (1 - atlas[:, 1]) * height - 0.5, atlas[:, 0] * width - 0.5
        return map_coordinates(self.picture, [rows, columns], order=1, mode="nearest")


def read_mask(root: Path, name: str) -> SkinMask:
    """One of the masks, such as "lips" or "ears"."""
    with Image.open(root / f"mpfb2/textures/mpfb_{name}.jpg") as picture:
        return SkinMask(np.asarray(picture.convert("L"), np.float64) / 255)


def vertex_mask(topology: Topology, mask: SkinMask) -> Array:
    """(V,) bool: head skin where the mask is above a half; symmetric."""
    member = topology.face_label == LABELS.index("head")
    value = mask.sample(topology.atlas[topology.texture[member].reshape(-1)])
    out = np.zeros(topology.n_vertices)
    np.maximum.at(out, topology.faces[member].reshape(-1), value)
    return (out + out[topology.mirror]) / 2 > 0.5


def contour_points(topology: Topology, positions: Array, mask: SkinMask) -> Array:
    """(P, 3) where the mesh's edges cross the mask's border, symmetrised."""
    member = topology.face_label == LABELS.index("head")
    faces, texture = topology.faces[member], topology.texture[member]
    start = np.concatenate([faces[:, k] for k in range(3)])
    stop = np.concatenate([faces[:, (k + 1) % 3] for k in range(3)])
    uv_start = topology.atlas[np.concatenate([texture[:, k] for k in range(3)])]
    uv_stop = topology.atlas[np.concatenate([texture[:, (k + 1) % 3] for k in range(3)])]
    crossing = (mask.sample(uv_start) > 0.5) & (mask.sample(uv_stop) <= 0.5)
    start, stop, uv_start, uv_stop = start[crossing], stop[crossing], uv_start[crossing], uv_stop[crossing]
    low, high = np.zeros(len(start)), np.ones(len(start))
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        inside = mask.sample(uv_start + middle[:, None] * (uv_stop - uv_start)) > 0.5
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    points = positions[start] + low[:, None] * (positions[stop] - positions[start])
    return np.concatenate([points, points * [-1, 1, 1]])
