"""A folder of awful files through the whole run, with the real detector, fitter and head."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.labels.shard import read_labels
from shared.runs.ranks import Ranks
from teacher.config import FitDatasetConfig
from teacher.dataset.run import run_dataset
from tests.images.bad_folder import NO_FACE, make_bad_folder
from tests.teacher.test_dataset import entries_of


@pytest.mark.slow
def test_every_file_is_labelled_or_reported_with_its_reason(tmp_path: Path) -> None:
    expected = make_bad_folder(tmp_path / "bad")
    config = FitDatasetConfig(inputs=str(tmp_path / "bad"), out=str(tmp_path / "out"), shard_size=8)
    assert run_dataset(config, Ranks(), quiet=True).finished
    entries = entries_of(config)
    labelled = set(read_labels(tmp_path / "out").ids)
    assert {name.rpartition("#")[0] or name for name in entries} == set(expected)
    for name, outcome in expected.items():
        if outcome == "ok":
            entry = entries[f"{name}#0"]
            # Tiny or cut-off faces may fail the gate, but then with a reason.
            assert (f"{name}#0" in labelled) == (entry["state"] == "labelled")
            assert entry["state"] == "labelled" or entry["reasons"]
        elif outcome == NO_FACE:
            assert entries[name]["state"] == "no face"
        else:
            assert entries[name]["state"] == "unreadable"
            assert outcome in entries[name]["reasons"][0]["reason"]
    assert len(labelled) >= sum(outcome == "ok" for outcome in expected.values()) // 2
