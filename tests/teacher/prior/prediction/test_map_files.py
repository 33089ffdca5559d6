"""Predictions on disk and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from shared.geometry.crop import Crop
from shared.runs.errors import UserError
from teacher.prior.prediction.map_files import FaceMaps, read_crop, read_face_maps, write_face_maps
from teacher.prior.records import PriorMaps, PriorPoints, PriorPrediction

SIZE = 40


def prediction() -> PriorPrediction:
    torch.manual_seed(0)
    maps = PriorMaps(
        frame="head",
        normal=torch.nn.functional.normalize(torch.randn(3, SIZE, SIZE), dim=0),
        normal_log_var=torch.rand(SIZE, SIZE) * 16 - 14,
        uv=torch.rand(2, SIZE, SIZE),
        uv_log_var=torch.randn(SIZE, SIZE) - 8,
        part_logits=torch.randn(9, SIZE, SIZE),
    )
    return PriorPrediction(maps, PriorPoints(torch.rand(7, 2) * SIZE, torch.randn(7), torch.randn(7)))


def stored(given: PriorPrediction) -> FaceMaps:
    crop = Crop.square(torch.tensor([70.0, 50.0]), torch.tensor(60.0), SIZE)
    return FaceMaps.of(given, crop, torch.rand(478, 2) * 100)


def write(stem: Path, face: FaceMaps) -> None:
    write_face_maps(stem, face, np.full((SIZE, SIZE, 3), (200, 10, 90), np.uint8), {"id": "photo.jpg#0"})


def test_round_trip_within_half_a_step(tmp_path: Path) -> None:
    given = prediction()
    face = stored(given)
    write(tmp_path / "a.b", face)  # a dot in the name is no suffix
    back, header = read_face_maps(tmp_path / "a.b")
    half_a_step = {"normal": 1 / 65535, "uv": 0.5 / 65535, "normal_log_var": 12 / 65535, "uv_log_var": 12 / 65535}
    for name, tolerance in half_a_step.items():
        difference = getattr(back.prediction.maps, name) - getattr(given.maps, name)
        assert difference.abs().max() <= tolerance * 1.001 + 1e-6, name
    assert torch.equal(back.part, given.maps.part_logits.argmax(0).to(torch.uint8))  # type: ignore[arg-type, union-attr]
    for name in ("pixel_px", "log_var", "visible_logit"):
        assert torch.equal(getattr(back.prediction.points, name), getattr(given.points, name))
    assert torch.equal(back.crop.affine, face.crop.affine)
    assert back.crop.size == (SIZE, SIZE)
    assert torch.equal(back.landmarks_px, face.landmarks_px)
    assert back.prediction.maps.frame == "head"
    assert header["id"] == "photo.jpg#0"
    assert np.abs(read_crop(tmp_path / "a.b").astype(int) - (200, 10, 90)).max() < 6


def test_what_is_not_predicted_is_not_written(tmp_path: Path) -> None:
    one = PriorPrediction(PriorMaps("crop", uv=prediction().maps.uv, uv_log_var=prediction().maps.uv_log_var))
    write(tmp_path / "one", stored(one))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "one.jpg",
        "one.log_var.png",
        "one.safetensors",
        "one.uv.png",
    ]
    back = read_face_maps(tmp_path / "one")[0]
    assert back.part is None
    assert back.prediction.points is None
    assert back.prediction.maps.normal is None
    assert back.prediction.maps.normal_log_var is None
    assert back.prediction.maps.uv_log_var is not None


def test_values_beyond_the_range_are_cut(tmp_path: Path) -> None:
    given = prediction()
    wild = replace(given, maps=replace(given.maps, uv=given.maps.uv * 4 - 2))  # type: ignore[operator]
    write(tmp_path / "x", stored(wild))
    uv = read_face_maps(tmp_path / "x")[0].prediction.maps.uv
    assert torch.allclose(uv, wild.maps.uv.clamp(0, 1), atol=1e-5)  # type: ignore[arg-type, union-attr]


def test_faults_name_the_file(tmp_path: Path) -> None:
    write(tmp_path / "x", stored(prediction()))
    with pytest.raises(UserError, match=r"y\.safetensors"):
        read_face_maps(tmp_path / "y")
    good = (tmp_path / "x.uv.png").read_bytes()
    (tmp_path / "x.uv.png").write_bytes(good[:50])
    with pytest.raises(UserError, match=r"x\.uv\.png is damaged"):
        read_face_maps(tmp_path / "x")
    cv2.imwrite(str(tmp_path / "x.uv.png"), np.zeros((SIZE, SIZE + 1, 3), np.uint16))
    with pytest.raises(UserError, match=rf"x\.uv\.png is {SIZE}x{SIZE + 1}x3"):
        read_face_maps(tmp_path / "x")
    cv2.imwrite(str(tmp_path / "x.uv.png"), np.zeros((SIZE, SIZE), np.uint16))
    with pytest.raises(UserError, match=rf"x\.uv\.png is {SIZE}x{SIZE} of uint16"):
        read_face_maps(tmp_path / "x")
    (tmp_path / "x.uv.png").unlink()
    with pytest.raises(UserError, match=r"x\.uv\.png cannot be read \(No such file"):
        read_face_maps(tmp_path / "x")
