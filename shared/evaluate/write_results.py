"""The files that a finished evaluation leaves: results.json for scripts, report.html to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from shared.config import EvaluateConfig
from shared.evaluate.report import write_report
from shared.evaluate.results import Results
from shared.evaluate.rows import Row, set_checksum
from shared.evaluate.run_folder import RunFolder
from shared.evaluate.summary import summarise
from shared.evaluate.truth_set import TruthSet
from shared.runs.files import write_json


def write_results(
    folder: RunFolder, rows: Sequence[Row], config: EvaluateConfig, manifest: dict[str, Any], truth: TruthSet | None
) -> Results:
    """Write results.json, the heat maps and report.html. StorageError where that fails."""
    title = f"{config.method}, focal length {config.focal}, on {manifest['set']}"
    groups = summarise(rows, () if truth is None else truth.dimensions)
    checksum = set_checksum({row.id: row for row in rows})
    results = Results(title, manifest, checksum, truth is not None, groups, list(rows))
    write_json(
        folder.root / "results.json",
        {
            **manifest,
            "config": asdict(config),
            "git_sha": sorted({row.git_sha or "unknown" for row in rows}),
            "set_checksum": checksum,
            "seconds_median": results.seconds,
            "groups": [asdict(group) for group in results.groups],
            "pictures": [asdict(row) for row in rows],
        },
    )
    write_report(folder, results, truth)
    return results
