"""The folder of one evaluation: whose it is, and what is done.

manifest.json   what the results depend on; a folder of another job is refused
rows.jsonl      one line a picture, as it is done
distances/      000012.npy: (tasks, samples) float16, millimetres, of picture 12, for the heat maps
previews/       000012.jpg: what the report shows of it
heat_maps/      mean errors on the head
results.json    everything;  report.html: to look at
locks/          held by the processes that work here
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.evaluate.rows import Row, read_rows
from shared.runs.files import append_line

SCHEMA = "pixel3dmm-distill/evaluation/2"
MADE = ("distances", "previews", "heat_maps", "locks", "rows.jsonl", "results.json", "report.html")


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
