"""Rows of pictures, one a face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from shared.flame.segmentation import Part
from shared.synthetic.storage.arrays import read_picture
from teacher.prior.prediction.sheets import CELL_PX, sheet_row, write_sheet
from teacher.prior.records import PriorMaps

PHOTO = np.full((64, 64, 3), (90, 120, 60), np.uint8)


def cells(row: np.ndarray) -> list[np.ndarray]:
    return [row[:CELL_PX, start : start + CELL_PX] for start in range(0, 5 * CELL_PX, CELL_PX)]


def test_uv_is_drawn_over_the_head_only() -> None:
    part = torch.full((64, 64), int(Part.BACKGROUND), dtype=torch.uint8)
    part[:, :32] = Part.SKIN
    maps = PriorMaps("crop", uv=torch.full((2, 64, 64), 0.7), uv_log_var=torch.full((64, 64), -20.0))
    photo, uv, normal, parts, doubt = cells(sheet_row(PHOTO, maps, part, "a"))
    assert (photo == PHOTO[0, 0]).all()
    assert (uv[:, 110:] == PHOTO[0, 0]).all()
    assert (uv[:, :90] != PHOTO[0, 0]).any(-1).all()
    assert (normal == 0).all()
    assert (parts[:, 10] != parts[:, -10]).any()
    assert doubt.max() < 10


def test_captions_of_any_language_fit(tmp_path: Path) -> None:
    row = sheet_row(PHOTO, PriorMaps("crop"), None, "žluťoučký 顔.jpg#0\nwarning\nmore than fits")
    bare = sheet_row(PHOTO, PriorMaps("crop"), None, "")
    assert row.shape == bare.shape
    assert row[CELL_PX:].max() > 200
    write_sheet(tmp_path / "sheet.jpg", [row, bare, row], columns=2)
    assert read_picture(tmp_path / "sheet.jpg").shape == (2 * row.shape[0], 2 * row.shape[1], 3)
