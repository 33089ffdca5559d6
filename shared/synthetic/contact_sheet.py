"""Many portraits on one picture, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from shared.images.encode import write_jpeg
from shared.synthetic.portrait import Portrait
from shared.synthetic.scene import Part

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
