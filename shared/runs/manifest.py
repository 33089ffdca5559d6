"""Whose a folder is: its manifest says what the results of its run depend on, and only that run goes on in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.runs.errors import UserError
from shared.runs.files import write_json

Manifest = dict[str, Any]  # JSON values; "schema" names the kind of run and its version
NAME = "manifest.json"


def claim(root: Path, manifest: Manifest, made: Sequence[str], overwrite: bool) -> None:
    """Write the manifest into a folder that is new, holds this very run, or another that may be overwritten.

    Args:
        root: the folder.
        manifest: of the run that is to start or go on.
        made: names of all that such a run leaves in its folder; what else is there is never deleted.
        overwrite: delete an earlier run of the same kind.

    Raises:
        UserError: the folder holds another run, or something that no such run made.
        StorageError: it cannot be written.
    """
    old = read_manifest(root, manifest["schema"])
    if old is None and root.is_dir() and any(not path.name.startswith(".") for path in root.iterdir()):
        raise UserError(f"{root} is not empty and holds no run of this command: choose another out=")
    if old is not None and overwrite:
        remove_run(root, made)
    elif old is not None:
        refuse_another_run(root, differences(old, manifest))
    write_json(root / NAME, manifest)


def read_manifest(root: Path, schema: str) -> Manifest | None:
    """The manifest in a folder, None if there is none. UserError if it is of another kind or version."""
    path = root / NAME
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); choose another out=") from error
    found = manifest.get("schema") if isinstance(manifest, dict) else None
    if found != schema:
        raise UserError(f"{path} is of {found or 'another program'}, this is {schema}: choose another out=")
    return manifest


def remove_run(root: Path, made: Sequence[str]) -> None:
    """Delete what a run made, its manifest last: until then the folder is known as one of ours."""
    for name in (*made, NAME):
        path = root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two manifests or parts of them, a line each."""
    before, now = _flat(old), _flat(new)
    names = [name for name in (*now, *(before.keys() - now.keys())) if before.get(name) != now.get(name)]
    return [f"{name} was {before.get(name)} and is {now.get(name)}" for name in names]


def refuse_another_run(root: Path, changes: Sequence[str]) -> None:
    """UserError that lists in what the run of a folder differs; nothing if it does not."""
    if changes:
        listed = "\n".join(f"  - {change}" for change in changes)
        advice = "Choose another out=, or overwrite=true to delete what that run made and start anew."
        raise UserError(f"{root} holds another run:\n{listed}\n{advice}")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, (list, tuple)) else value
    return flat
