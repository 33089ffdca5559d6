"""The open head has the proportions of scanned people, and its directions are mixed without rounding."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from shared.assets import asset_path
from shared.flame.assets import load_flame
from shared.flame.errors import FlameFileError
from shared.flame.open_head_file import ASSET
from shared.flame.schema import FlameAssets

MM = 1e-3
PATH = asset_path(ASSET)


@pytest.fixture(scope="module")
def head() -> FlameAssets:
    return load_flame()


@pytest.fixture(scope="module")
def statistics() -> dict[str, list[float]]:
    """Mean and deviation, then those of people, millimetres."""
    with safe_open(PATH, framework="np") as file:
        return json.loads(file.metadata()["statistics_mm"])


def test_the_former_name_is_explained(head: FlameAssets) -> None:
    assert head.name == "open-head"
    with pytest.raises(FlameFileError, match="default now: leave flame= out"):
        load_flame("open_head_2")
    with pytest.raises(FlameFileError, match="give a FLAME model file"):
        load_flame("open_head_3")


def test_directions_are_mixed_without_rounding(head: FlameAssets) -> None:
    """`head_id` must not depend on the order of a sum: labels of one machine are read on another."""
    kept = load_file(PATH)
    directions = kept["shapedirs"].astype(np.float64).reshape(-1, head.n_shape)
    order = np.random.default_rng(0).permutation(head.n_shape)
    product = directions[::50, order] @ kept["shape_transform"].astype(np.float64)[order]
    np.testing.assert_array_equal(product.astype(np.float32), head.shapedirs.numpy().reshape(-1, head.n_shape)[::50])


def test_measures_are_those_of_scanned_people(head: FlameAssets, statistics: dict[str, list[float]]) -> None:
    depths = {name: values for name, values in statistics.items() if name.startswith("depth_")}
    assert len(depths) == 7
    for name, (mean, deviation, scanned, scanned_deviation) in depths.items():
        assert abs(mean - scanned) < 1.2, name
        assert 0.4 < deviation / scanned_deviation < 1.2, name
    eyes = (head.joint_regressor[3:] @ head.v_template)[:, 0] / MM
    assert 61.5 < eyes[0] - eyes[1] < 63  # 62.1 in the scans
    assert 3.0 < statistics["interpupillary"][1] < 4.2


def test_measures_are_near_those_of_tables(head: FlameAssets, statistics: dict[str, list[float]]) -> None:
    """Of those on which the scans and the tables of adults agree."""
    for name in ("interpupillary", "head_length", "head_breadth", "mouth_width"):
        mean, deviation, adult_mean, adult_deviation = statistics[name]
        assert abs(mean - adult_mean) < 0.6 * adult_deviation, name
        assert 0.85 < deviation / adult_deviation < 1.3, name
    points = head.landmarks["mediapipe"].positions(head.v_template, head.faces) / MM
    assert abs(head.v_template[:, 1].max() / MM - points[152, 1] - 225) < 8  # vertex to chin
