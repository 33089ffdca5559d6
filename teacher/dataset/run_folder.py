"""The folder of a dataset run: what is in it, whether it belongs to this job, and what is finished.

manifest.json    the inputs in order, and hashes of what the labels depend on
config.yaml      every option;  run.json: versions, seed, commit
labels/          00000.safetensors ... : a file that is there is complete, and so is everything else of its shard
reports/         00000.json ... : one entry a face, also for those without a label
previews/        00000/000012.jpg ... : the face of the shard's report entry 12
locks/           who works on what, dropped by the system with the process
run_log.jsonl    one line an event
report.html      and report.json, from the reports
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shared.config.loading import to_yaml
from shared.images.decode import InputError
from shared.images.source import InputRef, find_inputs
from shared.labels.shard import shard_name
from shared.runs.errors import UserError
from shared.runs.files import append_line, write_json, write_text
from shared.runs.manifest import read_manifest, remove_run
from shared.runs.provenance import git_sha
from teacher.config import FitDatasetConfig
from teacher.dataset.manifest import MANIFEST_SCHEMA, check_same_run, make_manifest

_MADE = ("labels", "reports", "previews", "locks", "config.yaml", "run.json", "run_log.jsonl", "report.html",
         "report.json")  # fmt: skip


@dataclass(frozen=True)
class RunFolder:
    """Paths and the manifest of one run; made by `prepare` or `open_run`."""

    root: Path
    inputs: tuple[InputRef, ...]
    shard_size: int
    provenance: dict[str, Any]  # goes into every shard

    @property
    def n_shards(self) -> int:
        """How many shards the inputs make."""
        return -(-len(self.inputs) // self.shard_size)

    def shard_inputs(self, shard: int) -> tuple[InputRef, ...]:
        """The inputs of one shard: it depends on the sorted list alone."""
        return self.inputs[shard * self.shard_size : (shard + 1) * self.shard_size]

    def n_items(self, shard: int) -> int:
        """How many inputs a shard has."""
        return len(self.shard_inputs(shard))

    def label_path(self, shard: int) -> Path:
        """Moved into place last."""
        return self.root / "labels" / shard_name(shard, self.n_shards)

    def report_path(self, shard: int) -> Path:
        """JSON entries of one shard."""
        return self.root / "reports" / f"{self.label_path(shard).stem}.json"

    def preview_folder(self, shard: int) -> Path:
        """Overlays of one shard."""
        return self.root / "previews" / self.label_path(shard).stem

    def lock_path(self, shard: int) -> Path:
        """Held while the shard is worked on."""
        return self.root / "locks" / f"{self.label_path(shard).stem}.lock"

    def is_finished(self, shard: int) -> bool:
        """Whether the shard's label file is in place."""
        return self.label_path(shard).is_file()

    @property
    def log_path(self) -> Path:
        """Events, one JSON object a line."""
        return self.root / "run_log.jsonl"

    def log(self, event: str, **values: Any) -> None:
        """Append an event."""
        append_line(self.log_path, json.dumps({"event": event, "time": round(time.time(), 3), **values}))


def prepare(config: FitDatasetConfig, head_id: str) -> RunFolder:
    """List the inputs and make the folder ready, or find that it holds the beginning of this very run.

    Raises:
        UserError: no inputs, ``out`` inside ``inputs``, or a folder that belongs to another job.
        StorageError: it cannot be written.
    """
    root = Path(config.out)
    inputs, ignored = _find(config)
    _check_apart(config)
    manifest = make_manifest(config, head_id, inputs)
    old = read_manifest(root, MANIFEST_SCHEMA)
    if old is not None and config.overwrite:
        remove_run(root, _MADE)
    elif old is not None:
        check_same_run(root, old, manifest)
    # The manifest is written first: a folder without one was not made by us and is never deleted.
    write_json(root / "manifest.json", manifest)
    write_text(root / "config.yaml", to_yaml(config))
    write_json(root / "run.json", _run_facts(config, head_id, len(inputs), ignored))
    return open_run(config)


def open_run(config: FitDatasetConfig) -> RunFolder:
    """A folder that `prepare` has made. UserError if it has not."""
    manifest = read_manifest(Path(config.out), MANIFEST_SCHEMA)
    if manifest is None:
        raise UserError(f"{config.out} holds no run")
    inputs = tuple(
        InputRef(entry["kind"], entry["path"], entry["id"], index) for index, entry in enumerate(manifest["inputs"])
    )
    provenance = {
        "config": manifest["config"],
        "config_hash": manifest["config_hash"],
        "head_id": manifest["head_id"],
        "seed": config.seed,
        "git_sha": git_sha(),
    }
    return RunFolder(Path(config.out), inputs, config.shard_size, provenance)


def _find(config: FitDatasetConfig) -> tuple[list[InputRef], int]:
    try:
        found = find_inputs(config.inputs)
    except InputError as error:
        raise UserError(f"inputs={config.inputs}: {error.reason}") from error
    if not found:
        passed = f"; {found.ignored} files there have other suffixes" if found.ignored else ""
        raise UserError(f"inputs={config.inputs}: no photos or clips{passed}")
    if found[0].kind == "camera":
        raise UserError(f"inputs={config.inputs} is a camera; a dataset is made from files")
    return list(found), found.ignored


def _check_apart(config: FitDatasetConfig) -> None:
    source, out = Path(config.inputs).resolve(), Path(config.out).resolve()
    if source.is_dir() and (out == source or source in out.parents):
        raise UserError(
            f"out={config.out} lies inside inputs={config.inputs}, where the previews would become inputs: "
            "choose another out="
        )


def _run_facts(config: FitDatasetConfig, head_id: str, n_inputs: int, ignored: int) -> dict[str, Any]:
    return {
        "command": sys.argv,
        "git_sha": git_sha(),
        "seed": config.seed,
        "head_id": head_id,
        "n_inputs": n_inputs,
        "n_ignored_files": ignored,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cpus": os.cpu_count(),
    }
