"""params.npz: what is written is read, and files of before keep their meaning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from shared.export.npz import read_extras, read_params, write_params
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera


def test_what_is_written_is_read(tmp_path: Path) -> None:
    params = FlameParams.neutral(7, 5, (2,))
    camera = Camera.at_origin(torch.tensor([500.0, 600.0]), (40, 30))
    path = write_params(tmp_path / "params.npz", params, camera, {"quality": np.array([0.5, 0.7])})
    read, camera_read = read_params(path)
    assert torch.equal(read.expression, params.expression)
    assert (camera_read.size, camera_read.focal_px.tolist()) == ((40, 30), camera.focal_px.tolist())
    version, extras = read_extras(path)
    assert (version, list(extras)) == (2, ["quality"])
    np.testing.assert_array_equal(extras["quality"], [0.5, 0.7])


def test_a_file_of_version_1_keeps_its_names(tmp_path: Path) -> None:
    camera = Camera.at_origin(torch.tensor([500.0]), (40, 30))
    path = write_params(tmp_path / "new.npz", FlameParams.neutral(7, 5, (1,)), camera, {"score": np.array([0.9])})
    with np.load(path) as arrays:
        old = {name: arrays[name] for name in arrays.files if name != "schema"}
    np.savez(tmp_path / "old.npz", **old)
    version, extras = read_extras(tmp_path / "old.npz")
    assert (version, extras["score"].tolist()) == (1, [0.9])
    assert read_params(tmp_path / "old.npz")[1].size == (40, 30)
