"""Contact sheets: a row of pictures for each face, to judge predictions by eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.images.encode import write_jpeg
from shared.synthetic.storage.contact_sheet import part_colours
from teacher.prior.map_quality.checks import HEAD_PARTS
from teacher.prior.prediction.pictures import doubt_colours, normal_colours
from teacher.prior.records import PriorMaps

CELL_PX = 200
_LINE_PX = 17
_LINES = 2  # of text
_FIELDS = 40  # of the chessboard across the texture: 16 mm each on the open head's face
_STRENGTH = 0.65  # of the colours over the photo


def sheet_row(image: np.ndarray, maps: PriorMaps, part: Tensor | None, caption: str) -> np.ndarray:
    """One face: photo, UV over the photo, normals, parts, doubt; black for what is not predicted.

    Args:
        image: (S, S, 3) uint8 RGB, the crop.
        maps: (..., S, S) on the CPU, without leading dimensions.
        part: (S, S) values of `Part`; None if they are not predicted.
        caption: below it, up to two lines.
    """
    head = torch.ones(image.shape[:2], dtype=torch.bool) if part is None else torch.isin(part, torch.tensor(HEAD_PARTS))
    black, doubt = np.zeros_like(image), doubt_colours(maps)
    cells = (
        image,
        black if maps.uv is None else _over(image, _uv_board(maps.uv), head),
        black if maps.normal is None else normal_colours(maps.normal, head, maps.frame, 0.3),
        black if part is None else part_colours(part.numpy()),
        black if doubt is None else doubt,
    )
    row = np.hstack([cv2.resize(cell, (CELL_PX, CELL_PX), interpolation=cv2.INTER_AREA) for cell in cells])
    strip = np.full((_LINES * _LINE_PX + 6, row.shape[1], 3), 24, np.uint8)
    for number, line in enumerate(caption.splitlines()[:_LINES], 1):
        readable = line.encode("ascii", "replace").decode()  # OpenCV's font has no other letters
        origin = (6, number * _LINE_PX)
        cv2.putText(strip, readable, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (230, 230, 230), 1, cv2.LINE_AA)
    return np.vstack([row, strip])


def write_sheet(path: Path, rows: Sequence[np.ndarray], columns: int = 1) -> Path:
    """Write rows of `sheet_row`, ``columns`` of them side by side, as a JPEG."""
    blank = [np.zeros_like(rows[0])] * (-len(rows) % columns)
    padded = [*rows, *blank]
    lines = [np.hstack(padded[start : start + columns]) for start in range(0, len(padded), columns)]
    return write_jpeg(path, np.vstack(lines), 90)


def _uv_board(uv: Tensor) -> np.ndarray:
    """(2, H, W) -> (H, W, 3) uint8: a colour for each place of the face, on a chessboard of the texture."""
    u, v = ((uv - 0.25) * 2).clamp(0, 1)  # the face lies in the middle of the texture
    colour = torch.stack([u, v, 1 - (u + v) / 2], -1)
    field = (uv * _FIELDS).floor().sum(0) % 2
    return (255 * (colour * (0.75 + 0.25 * field[..., None]))).to(torch.uint8).numpy()


def _over(image: np.ndarray, colours: np.ndarray, mask: Tensor) -> np.ndarray:
    share = _STRENGTH * mask.numpy()[..., None]
    return (image * (1 - share) + colours * share).astype(np.uint8)
