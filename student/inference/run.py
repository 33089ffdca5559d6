"""Every input that the user named, one after the other; a bad one never ends the run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from shared.config.loading import config_hash
from shared.images.decode import InputError
from shared.images.source import InputRef, find_inputs
from shared.runs.errors import UserError
from shared.runs.files import write_json
from shared.runs.provenance import git_sha
from student.config import InferConfig
from student.inference.clip import run_clip
from student.inference.photo import run_photo
from student.inference.report import InputReport, finished, keep
from student.inference.tools import Tools

# Options that no result depends on.
_ELSEWHERE = ("input", "out", "overwrite", "window", "device", "threads")


def run_inputs(refs: list[InputRef], tools: Tools) -> list[InputReport]:
    """Do all inputs, and write ``report.json``, which is also there if the run is cut off.

    A single input gets the folder ``out``; several get a folder each below it, and those that are finished there are
    passed over.
    """
    config, out = tools.config, Path(tools.config.out)
    reports: list[InputReport] = []
    for report in _each(refs, config, tools):
        reports.append(report)
        print(report.line(), flush=True)
        write_json(out / "report.json", _as_json(config, reports))
        if report.interrupted:
            break
    return reports


def inputs_of(config: InferConfig) -> list[InputRef]:
    """What the user named. UserError if it is not there, or empty."""
    try:
        refs = find_inputs(config.input)
    except InputError as error:
        raise UserError(f"input={config.input}: {error.reason}") from error
    if not refs:
        raise UserError(f"input={config.input}: no photos or clips there")
    return refs


def _each(refs: list[InputRef], config: InferConfig, tools: Tools) -> Iterator[InputReport]:
    out = Path(config.out)
    for ref in refs:
        if len(refs) == 1 and not Path(config.input).is_dir():
            yield _one(ref, out, tools)
            continue
        folder, key = out / ref.id, _key(ref, config)
        report = None if config.overwrite else finished(folder, key)
        if report is None:
            report = _one(ref, folder, tools)
            if not report.interrupted:
                keep(folder, key, report)
        yield report


def _one(ref: InputRef, out: Path, tools: Tools) -> InputReport:
    return run_photo(ref, out, tools) if ref.kind == "photo" else run_clip(ref, out, tools)


def _key(ref: InputRef, config: InferConfig) -> str:
    """Changes with the options, the weights and the input."""
    stamps = [_stamp(ref.path), _stamp(config.checkpoint)]
    return hashlib.sha256(f"{config_hash(config, _ELSEWHERE)} {stamps}".encode()).hexdigest()[:16]


def _stamp(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return "none"
    return f"{status.st_size} {status.st_mtime_ns}"


def _as_json(config: InferConfig, reports: list[InputReport]) -> dict[str, object]:
    states = [report.state for report in reports]
    return {
        "checkpoint": config.checkpoint,
        "code": git_sha(),
        "options": config_hash(config, _ELSEWHERE),
        "states": {state: states.count(state) for state in sorted(set(states))},
        "inputs": [report.as_json() for report in reports],
    }
