"""In whose folder a training run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shared.config import TrainingConfig
from shared.config.loading import load_config
from shared.runs.errors import UserError
from shared.training.run_folder import CHECKPOINT, FREE, OPTIONS, claim_run

SCHEMA = "test/run/1"


def test_a_run_goes_on_with_what_does_not_change_its_numbers(tmp_path: Path) -> None:
    config = TrainingConfig(out=str(tmp_path / "run"))
    claim_run(config, SCHEMA, "head", free=("weight_decay",))
    longer = replace(config, steps=7, workers=5, weight_decay=0.5)
    claim_run(longer, SCHEMA, "head", free=("weight_decay",))
    assert load_config(TrainingConfig, [str(tmp_path / "run" / OPTIONS)]) == longer
    assert set(FREE) <= set(vars(config)), "options that there are"
    with pytest.raises(UserError, match=r"batch_size was 32 and is 8"):
        claim_run(replace(config, batch_size=8), SCHEMA, "head")
    with pytest.raises(UserError, match=r"head_id was head and is another"):
        claim_run(config, SCHEMA, "another")
    with pytest.raises(UserError, match=r"is of test/run/1, this is other/1"):
        claim_run(config, "other/1", "head")


def test_what_a_run_left_is_deleted_only_when_told(tmp_path: Path) -> None:
    config = TrainingConfig(out=str(tmp_path))
    claim_run(config, SCHEMA, "head")
    (tmp_path / CHECKPOINT).parent.mkdir()
    (tmp_path / CHECKPOINT).write_bytes(b"weights")
    (tmp_path / "notes.txt").write_text("mine")
    claim_run(config, SCHEMA, "head")
    assert (tmp_path / CHECKPOINT).exists()
    claim_run(replace(config, seed=1, overwrite=True), SCHEMA, "head")
    assert not (tmp_path / CHECKPOINT).exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"
