"""The folder of a training run: what is in it, and which run may go on in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from shared.config import TrainingConfig
from shared.config.loading import to_yaml
from shared.runs.files import write_text
from shared.runs.manifest import claim

CHECKPOINT, WEIGHTS, BAD_SAMPLES = "checkpoints/last.safetensors", "weights.safetensors", "bad_samples.jsonl"
BOARD, PICTURE, OPTIONS = "board", "pictures/latest.jpg", "config.yaml"
# What a run leaves in its folder.
MADE = tuple(Path(name).parts[0] for name in (CHECKPOINT, WEIGHTS, PICTURE, BAD_SAMPLES, BOARD, OPTIONS))
# With others of these a run may go on: they say where, how long and how fast, and how often it is looked at.
FREE = (
    *("out", "overwrite", "device", "workers", "compile", "steps", "minutes"),
    *("save_steps", "picture_steps", "validation_steps", "validation"),
)


def claim_run(config: TrainingConfig, schema: str, head_id: str, free: Sequence[str] = ()) -> None:
    """Make ``config.out`` the folder of this run, or find that it is; and write its options there.

    Args:
        config: of the run.
        schema: names the kind of run and its version.
        head_id: of the head that the network is trained for.
        free: further options with others of which the run may go on.

    Raises:
        UserError: the folder holds another run, or something that no such run made.
        StorageError: it cannot be written.
    """
    values = {name: value for name, value in asdict(config).items() if name not in (*FREE, *free)}
    root = Path(config.out)
    claim(root, {"schema": schema, "head_id": head_id, "config": values}, MADE, config.overwrite)
    write_text(root / OPTIONS, to_yaml(config))
