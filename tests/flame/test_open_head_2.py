"""The open head calibrated on scanned people, beside the sculpted one it is built on."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from shared.flame.assets import load_flame
from shared.flame.errors import FlameFileError
from shared.flame.open_head.load import OPEN_HEADS, load_open_head
from shared.flame.schema import FlameAssets
from shared.synthetic.makehuman.base_mesh import BaseMesh

MM = 1e-3
PATH = Path(str(resources.files("shared") / "assets" / OPEN_HEADS["open_head_2"]))


@pytest.fixture(scope="module")
def base() -> FlameAssets:
    return load_flame("open_head")


@pytest.fixture(scope="module")
def head() -> FlameAssets:
    return load_flame("open_head_2")


def test_chosen_by_name(base: FlameAssets, head: FlameAssets) -> None:
    assert (base.name, head.name) == ("open-head", "open-head-2")
    assert head.head_id == load_flame().head_id != base.head_id
    assert (base.base_head_id, head.base_head_id) == (None, base.head_id)
    with pytest.raises(FlameFileError, match="open_head_2"):
        load_flame("open_head_3")


def test_same_places_of_the_skin(base: FlameAssets, head: FlameAssets) -> None:
    for name in ("faces", "uv", "uv_faces", "mirror"):
        assert torch.equal(getattr(base, name), getattr(head, name)), name
    assert base.regions.keys() == head.regions.keys()
    for name, landmarks in base.landmarks.items():
        assert torch.equal(landmarks.face_index, head.landmarks[name].face_index)
        assert torch.equal(landmarks.barycentric, head.landmarks[name].barycentric)
    vertices = BaseMesh.of(head).vertices  # so MakeHuman's assets fit
    assert torch.equal(vertices.corners, BaseMesh.of(base).vertices.corners)


def test_directions_are_the_bases_mixed_without_rounding(base: FlameAssets, head: FlameAssets) -> None:
    """`head_id` must not depend on the order of a sum: labels of one machine are read on another."""
    transform = load_file(PATH)["shape_transform"].astype(np.float64)
    directions = base.shapedirs.double().numpy().reshape(-1, base.n_shape)
    order = np.random.default_rng(0).permutation(base.n_shape)
    product = directions[::50, order] @ transform[order]
    np.testing.assert_array_equal(product.astype(np.float32), head.shapedirs.numpy().reshape(-1, head.n_shape)[::50])


def test_measures_are_those_of_scanned_people(head: FlameAssets) -> None:
    with safe_open(PATH, framework="np") as file:
        statistics = json.loads(file.metadata()["statistics_mm"])
    depths = {name: values for name, values in statistics.items() if name.startswith("depth_")}
    assert len(depths) == 7
    for name, (mean, deviation, scanned, scanned_deviation) in depths.items():
        assert abs(mean - scanned) < 1.2, name
        assert 0.4 < deviation / scanned_deviation < 1.2, name
    eyes = (head.joint_regressor[3:] @ head.v_template)[:, 0] / MM
    assert 61.5 < eyes[0] - eyes[1] < 63  # 62.1 in the scans
    assert 3.0 < statistics["interpupillary"][1] < 4.2


def test_the_face_is_less_of_a_caricature(base: FlameAssets, head: FlameAssets) -> None:
    """Against the eyes: inner corners come forward, the bridge of the nose goes back, also in the tensors."""

    def depth(assets: FlameAssets, landmark: int) -> float:
        points = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces)
        return float(points[landmark, 2] - (assets.joint_regressor[3] @ assets.v_template)[2]) / MM

    assert depth(head, 133) - depth(base, 133) > 2.5
    assert depth(base, 168) - depth(head, 168) > 5


def test_head_on_another_base_is_refused(tmp_path: Path) -> None:
    with safe_open(PATH, framework="np") as file:
        metadata = file.metadata() | {"base_head_id": "0" * 16}
    save_file(load_file(PATH), tmp_path / "other.safetensors", metadata)
    with pytest.raises(ValueError, match="was built on head 0000"):
        load_open_head(tmp_path / "other.safetensors")
