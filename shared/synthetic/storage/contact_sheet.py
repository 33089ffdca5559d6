"""Many portraits on one picture, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from shared.flame.segmentation import Part
from shared.images.encode import write_jpeg
from shared.synthetic.scene.portrait import Portrait
from shared.synthetic.storage.arrays import depth_range

_COLUMNS, _ROWS, _CELL_PX = 10, 10, 160
# RGB of the parts on the sheet of the truth.
_PART_RGB = {
    Part.BACKGROUND: (30, 30, 34),
    Part.SKIN: (236, 188, 160),
    Part.EYES: (70, 150, 230),
    Part.MOUTH: (190, 40, 60),
    Part.BROWS: (120, 80, 200),
    Part.HAIR: (110, 75, 45),
    Part.NECK: (200, 150, 120),
    Part.CLOTH: (80, 160, 90),
    Part.OCCLUDER: (240, 220, 60),
}


class Portraits(Protocol):
    """Anything with portraits in a row."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Portrait: ...


def write_contact_sheet(path: Path, portraits: Portraits) -> None:
    """The first hundred portraits as a JPEG."""
    count = min(len(portraits), _COLUMNS * _ROWS)
    cells = [_cell(portraits[index].image) for index in range(count)]
    write_jpeg(path, grid(cells, min(_COLUMNS, count)))


def write_truth_sheet(path: Path, portraits: Portraits) -> None:
    """The first twenty portraits as a JPEG, each with its landmarks, parts, normals, UV and depth."""
    cells = []
    for index in range(min(len(portraits), 2 * _COLUMNS)):
        portrait = portraits[index]
        cells += [_cell(layer) for layer in (portrait.image, *truth_layers(portrait))]
    write_jpeg(path, grid(cells, 12))


def truth_layers(portrait: Portrait) -> tuple[np.ndarray, ...]:
    """(H, W, 3) uint8 RGB each: landmarks on the picture (seen ones green), parts, normals, UV, depth."""
    truth, inside = portrait.truth, (portrait.truth.depth_m > 0).numpy()
    marked = portrait.image.copy()
    for (x, y), seen in zip(truth.landmarks_px.tolist(), truth.landmarks_visible.tolist(), strict=True):
        cv2.circle(marked, (round(x - 0.5), round(y - 0.5)), 0, (60, 240, 60) if seen else (240, 60, 60), 1)
    normals = (truth.normal * truth.normal.new_tensor([1.0, -1.0, -1.0])[:, None, None]).permute(1, 2, 0).numpy()
    u, v = truth.uv.numpy()
    near, far = depth_range(truth.depth_m)
    depth = (far - truth.depth_m.numpy()) / (far - near)
    layers = [normals / 2 + 0.5, np.stack([u, v, 0 * u], -1), np.repeat(depth[..., None], 3, -1)]
    drawn = [np.where(inside[..., None], layer.clip(0, 1) * 255, 0).astype(np.uint8) for layer in layers]
    return marked, part_colours(truth.part.numpy()), *drawn


def grid(cells: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Cells (h, w, 3) of one size row by row; what is left over stays black."""
    rows = -(-len(cells) // columns)
    blank = np.zeros_like(cells[0])
    padded = [*cells, *[blank] * (rows * columns - len(cells))]
    return np.vstack([np.hstack(padded[row * columns : (row + 1) * columns]) for row in range(rows)])


def part_colours(part: np.ndarray) -> np.ndarray:
    """(H, W) of `Part` -> (H, W, 3) uint8 RGB."""
    table = np.zeros((max(Part) + 1, 3), np.uint8)
    for name, rgb in _PART_RGB.items():
        table[name] = rgb
    return table[part]


def _cell(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (_CELL_PX, _CELL_PX), interpolation=cv2.INTER_AREA)
