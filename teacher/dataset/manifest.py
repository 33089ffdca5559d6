"""What the labels of a run depend on, to see whether a folder holds the beginning of this very run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from shared.config.loading import config_hash
from shared.images.source import InputRef
from shared.labels.shard import CONVENTIONS, RUN_SCHEMA, SCHEMA
from shared.runs.manifest import Manifest, differences, refuse_another_run
from teacher.config import FitDatasetConfig

# Options on which no label depends: a run may go on with others.
WHERE_AND_HOW_FAST = ("inputs", "out", "overwrite", "processes", "threads", "device", "previews")
MANIFEST_SCHEMA = RUN_SCHEMA


def make_manifest(config: FitDatasetConfig, head_id: str, inputs: Sequence[InputRef]) -> Manifest:
    """What the labels of these options, this head and these inputs depend on."""
    names = json.dumps([[ref.kind, ref.id] for ref in inputs])
    return {
        "schema": MANIFEST_SCHEMA,
        "labels": SCHEMA,
        "conventions": CONVENTIONS,
        "head_id": head_id,
        "config": {key: value for key, value in asdict(config).items() if key not in WHERE_AND_HOW_FAST},
        "config_hash": config_hash(config, WHERE_AND_HOW_FAST),
        "inputs_hash": hashlib.sha256(names.encode()).hexdigest()[:16],
        "inputs": [{"kind": ref.kind, "path": ref.path, "id": ref.id} for ref in inputs],
    }


def check_same_run(root: Path, old: Manifest, new: Manifest) -> None:
    """UserError that lists what differs between the run in ``root`` and the one asked for."""
    changes = [
        f"{name} was {old[key]} and is {new[key]}"
        for key, name in (("head_id", "the head model"), ("labels", "the label format"), ("conventions", "conventions"))
        if old[key] != new[key]
    ]
    changes += differences(old["config"], new["config"])
    if old["inputs_hash"] != new["inputs_hash"]:
        had, has = ({entry["id"] for entry in manifest["inputs"]} for manifest in (old, new))
        example = next(iter(sorted(had ^ has)), None)
        changes.append(
            f"the inputs changed: {len(has - had)} new, {len(had - has)} gone"
            + (f", such as {example}" if example else "")
        )
    refuse_another_run(root, changes)
