"""Real heads: who is in which part, what is true of them, and a whole evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shared.config import EvaluateConfig
from shared.evaluate.real_heads import people_of, real_heads
from shared.evaluate.run import evaluate
from shared.runs.errors import UserError
from tests.evaluate.real_people import write_people


def test_a_method_that_knows_the_people(tmp_path: Path) -> None:
    root = write_people(tmp_path / "heads")
    config = EvaluateConfig(
        "tests.evaluate.plain_set:perfect", "real_heads", str(tmp_path / "run"), path=str(root), part="all"
    )
    results = evaluate(config, quiet=True)
    assert results is not None
    assert [row.id for row in results.rows] == ["ann/0_0", "ann/1_0", "bob/0_0", "bob/1_0"]
    groups = {(group.dimension, group.label): group for group in results.groups}
    assert set(groups) == {
        ("", "all"), ("state", "neutral"), ("state", "expression"), ("yaw, degrees", "0 to 20"),
        ("yaw, degrees", "20 to 40"), ("expression", "neutral"), ("expression", "open"),
    }  # fmt: skip
    open_mouth = groups["expression", "open"]  # the method always opens it, as the pictures do not show which is which
    assert open_mouth.tasks["posed"]["by_landmarks"].mean["l2_mm"] < 3e-3
    assert open_mouth.tasks["posed"]["scaled"].mean["l2_mm"] < 3e-3
    assert open_mouth.motion["mouth"].strength is not None
    assert open_mouth.motion["mouth"].strength.value == pytest.approx(1, abs=1e-3)
    still = groups["state", "neutral"].motion["mouth"]
    assert still.strength is None
    assert still.still_mm is not None
    assert still.still_mm.value > 3
    assert groups["", "all"].tasks["neutral"]["by_landmarks"].mean["l2_mm"] < 3e-3
    assert groups["", "all"].tasks["posed"]["by_landmarks"].interval["l2_mm"][0] > 0
    assert any("strength" in line for line in results.lines())
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Strength of expression" in page
    assert (tmp_path / "run" / "previews" / "000003.jpg").stat().st_size > 500
    distances = np.load(tmp_path / "run" / "distances" / "000001.npy")
    assert np.isfinite(distances[0]).mean() > 0.5


def test_who_is_in_which_part(tmp_path: Path) -> None:
    root = write_people(tmp_path / "own")
    assert people_of(root, "judge") == people_of(root, "calibrate") == people_of(root, "all") == ["ann", "bob"]
    (root / "split.json").write_text(json.dumps({"calibrate": ["ann"], "judge": ["bob"]}))
    assert (people_of(root, "calibrate"), people_of(root, "judge")) == (["ann"], ["bob"])
    (root / "split.json").write_text(json.dumps({"judge": []}))
    with pytest.raises(UserError, match="none of the 2 people"):
        people_of(root, "judge")
    with pytest.raises(UserError, match='needs a list "calibrate"'):
        people_of(root, "calibrate")
    ours = write_people(tmp_path / "ours", ("person_127", "person_128"))
    assert (people_of(ours, "calibrate"), people_of(ours, "judge")) == (["person_127"], ["person_128"])


def test_pictures_of_some_expressions_alone(tmp_path: Path) -> None:
    root = write_people(tmp_path)
    assert real_heads(root, "all", ("open",)).ids == ("ann/1_0", "bob/1_0")
    assert real_heads(root, "all", ("open",)).id != real_heads(root, "all").id
    with pytest.raises(UserError, match="there are neutral, open"):
        real_heads(root, "all", ("opne",))


def test_a_folder_of_another_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no people/NAME"):
        real_heads(tmp_path)
    root = write_people(tmp_path)
    (root / "people" / "ann" / "pictures.json").write_text('[{"picture": "0_0.webp"}]')
    with pytest.raises(UserError, match="must be a list of pictures with"):
        real_heads(root)
    with pytest.raises(ValueError, match="go together"):
        EvaluateConfig("mean_head", "real_heads", "out")


def test_a_damaged_picture_ends_nothing(tmp_path: Path) -> None:
    root = write_people(tmp_path / "heads")
    (root / "people" / "ann" / "0_0.webp").write_bytes(b"no picture")
    config = EvaluateConfig("mean_head", "real_heads", str(tmp_path / "run"), path=str(root), part="all")
    results = evaluate(config, quiet=True)
    assert results is not None
    assert [row.state for row in results.rows] == ["failed", "scored", "scored", "scored"]
    assert "0_0.webp is damaged" in results.rows[0].reason
