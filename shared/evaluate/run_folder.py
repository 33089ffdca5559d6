"""The folder of one evaluation: whose it is, and what is done.

run.json        what the results depend on; a folder of another job is refused
rows.jsonl      one line a picture, as it is done
distances/      000012.npy: (tasks, samples) float16, millimetres, of picture 12, for the heat maps
previews/       000012.jpg: what the report shows of it
heat_maps/      mean errors on the head
results.json    everything;  report.html: to look at
locks/          held by the processes that work here
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.evaluate.rows import Row, read_rows
from shared.files import append_line, write_json
from shared.runtime import UserError

_OURS = ("distances", "previews", "heat_maps", "locks", "rows.jsonl", "results.json", "report.html", "run.json")


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run."""

    root: Path

    @property
    def rows_path(self) -> Path:
        """One line a picture."""
        return self.root / "rows.jsonl"

    def distances_path(self, index: int) -> Path:
        """Of one picture."""
        return self.root / "distances" / f"{index:06d}.npy"

    def preview_path(self, index: int) -> Path:
        """Of one picture."""
        return self.root / "previews" / f"{index:06d}.jpg"

    def lock_path(self, rank: int) -> Path:
        """Held by one process of the run."""
        return self.root / "locks" / f"{rank}.lock"

    def rows(self) -> dict[str, Row]:
        """What is done."""
        return read_rows(self.rows_path)

    def add(self, row: Row) -> None:
        """Keep a row."""
        append_line(self.rows_path, row.to_json())


def prepare(root: Path, manifest: dict[str, Any], overwrite: bool) -> RunFolder:
    """Make the folder ready, or find that it holds the beginning of this very run.

    Raises:
        UserError: it belongs to another job, or to none of ours.
        StorageError: it cannot be written.
    """
    old = _read(root / "run.json")
    if old is not None and overwrite:
        _remove(root)
    elif old is not None and old != manifest:
        names = [name for name in sorted({*old, *manifest}) if old.get(name) != manifest.get(name)]
        changed = "; ".join(f"{name} was {old.get(name)}, now {manifest.get(name)}" for name in names)
        raise UserError(
            f"out={root} holds another run ({changed}): choose another out=, or overwrite=true to delete it"
        )
    elif old is None and root.is_dir() and any((root / name).exists() for name in _OURS):
        raise UserError(f"out={root} holds files that this command did not make: choose another out=")
    write_json(root / "run.json", manifest)
    return RunFolder(root)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}; choose another out=") from error


def _remove(root: Path) -> None:
    for name in _OURS:  # run.json last: until then the folder is known as ours
        path = root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
