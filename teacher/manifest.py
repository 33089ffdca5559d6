"""What the labels of a run depend on, to tell whether a folder holds the beginning of this very run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shared.config import FitDatasetConfig
from shared.images.source import InputRef
from shared.labels import CONVENTIONS, SCHEMA
from shared.options import config_hash
from shared.runtime import UserError

# Options on which no label depends: a run may go on with others.
WHERE_AND_HOW_FAST = ("inputs", "out", "overwrite", "processes", "threads", "device", "previews")
MANIFEST_SCHEMA = "pixel3dmm-distill/run/1"

Manifest = dict[str, Any]  # JSON values


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


def read_manifest(root: Path) -> Manifest | None:
    """The manifest in a folder, None if there is none. UserError if it is not ours or of another version."""
    path = root / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); choose another out=") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != MANIFEST_SCHEMA:
        raise UserError(f"{path} is not of this program or version; choose another out=")
    return manifest


def check_same_run(root: Path, old: Manifest, new: Manifest) -> None:
    """UserError that lists what differs between the run in ``root`` and the one asked for."""
    changes = [
        f"{name} was {old[key]} and is {new[key]}"
        for key, name in (("head_id", "the head model"), ("labels", "the label format"), ("conventions", "conventions"))
        if old[key] != new[key]
    ]
    before, now = _flat(old["config"]), _flat(new["config"])
    changes += [
        f"{key} was {before.get(key)} and is {now.get(key)}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]
    if old["inputs_hash"] != new["inputs_hash"]:
        had, has = ({entry["id"] for entry in manifest["inputs"]} for manifest in (old, new))
        example = next(iter(sorted(had ^ has)), None)
        changes.append(
            f"the inputs changed: {len(has - had)} new, {len(had - has)} gone"
            + (f", such as {example}" if example else "")
        )
    if changes:
        listed = "\n".join(f"  - {change}" for change in changes)
        raise UserError(
            f"{root} holds another run:\n{listed}\n"
            "Choose another out=, or overwrite=true to delete that run's labels and start anew."
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, (list, tuple)) else value
    return flat
