"""The report of a prediction run: what became of each face, and the faces to look at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.runs.files import write_json
from teacher.prior.prediction.map_files import read_crop, read_face_maps
from teacher.prior.prediction.sheets import sheet_row, write_sheet

NO_FACE = "no face found"
_SHEET_ROWS = 48

Entry = dict[str, Any]  # JSON values, see `face_entry`


def face_entry(
    name: str,
    maps: str | None = None,
    problem: str | None = None,
    warnings: Sequence[str] = (),
    quality: dict[str, Any] | None = None,
) -> Entry:
    """One face of a picture, or what is wrong with the picture.

    Args:
        name: id of the face or the picture.
        maps: path of its files below the run's folder, without suffixes.
        problem: why there are none.
        warnings: why they should not be trusted.
        quality: `MapQuality` as JSON values.
    """
    return {"id": name, "maps": maps, "problem": problem, "warnings": list(warnings), "quality": quality}


@dataclass(frozen=True)
class Summary:
    """How a run ended."""

    faces: int
    warned: int  # faces with a warning
    empty: int  # pictures without a face
    unreadable: tuple[tuple[str, str], ...]  # inputs and why

    @staticmethod
    def of(entries: Sequence[Entry]) -> Summary:
        """Count the entries of a report."""
        return Summary(
            faces=sum(entry["maps"] is not None for entry in entries),
            warned=sum(bool(entry["warnings"]) for entry in entries),
            empty=sum(entry["problem"] == NO_FACE for entry in entries),
            unreadable=tuple((e["id"], e["problem"]) for e in entries if e["problem"] not in (None, NO_FACE)),
        )

    def lines(self) -> list[str]:
        """To print."""
        counts = f"{self.faces} faces, {self.warned} of them with warnings; {self.empty} pictures without a face"
        bad = [f"  {name}: {reason}" for name, reason in self.unreadable[:5]]
        return [f"{counts}, {len(self.unreadable)} inputs that cannot be read", *bad]


def record_path(root: Path, index: int) -> Path:
    """Where the entries of an input are, a JSON list."""
    return root / "faces" / f"{index:06d}.json"


def write_report(root: Path, n_inputs: int) -> Summary:
    """Collect the entries of all inputs into the report, and the first faces on a contact sheet."""
    paths = [record_path(root, index) for index in range(n_inputs)]
    entries: list[Entry] = [entry for path in paths for entry in json.loads(path.read_text(encoding="utf-8"))]
    summary = Summary.of(entries)
    write_json(root / "report.json", {"summary": asdict(summary), "faces": entries})
    shown = [entry for entry in entries if entry["maps"] is not None][:_SHEET_ROWS]
    if shown:
        write_sheet(root / "contact_sheet.jpg", [_row(root, entry) for entry in shown])
    return summary


def _row(root: Path, entry: Entry) -> np.ndarray:
    stem = root / entry["maps"]
    face, _ = read_face_maps(stem)
    caption = "\n".join([entry["id"], "; ".join(entry["warnings"])])
    return sheet_row(read_crop(stem), face.prediction.maps, face.part, caption)
