"""The report of a dataset run: one page that shows every face, and numbers for scripts."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment

from shared.runs.files import exclusive, remove_partial_files, write_json, write_text
from teacher.dataset.entries import LABELLED, NO_FACE, REJECTED, STATES, UNREADABLE
from teacher.dataset.run_folder import RunFolder


@dataclass(frozen=True)
class Summary:
    """A run in numbers."""

    inputs: int
    labelled: int  # faces with a label
    rejected: int  # faces without
    no_face: int  # pictures
    unreadable: int  # inputs
    reasons: dict[str, int]  # how many faces and inputs failed by each name; a face may fail by several
    landmark_error: float | None  # median over the labels
    eye_distance_mm: float | None
    quality: float | None
    uv_distance: tuple[float, ...]  # of a head's vertices to the UV map: the labels' mean of each quantile, 0 to 100 %
    inputs_per_s: float | None  # of one process, over everything from decoding to writing

    def uv_quantile(self, share: float) -> float:
        """The quantile of ``uv_distance`` nearest to a share."""
        return self.uv_distance[round(share * (len(self.uv_distance) - 1))]

    def lines(self) -> list[str]:
        """For the terminal."""
        lines = [
            f"{self.inputs} inputs: {self.labelled} faces labelled, {self.rejected} rejected, "
            f"{self.no_face} pictures without a face, {self.unreadable} unreadable"
        ]
        if self.landmark_error is not None:
            lines.append(
                f"labels, median: landmark error {self.landmark_error:.2%} of the eye distance, "
                f"eyes {self.eye_distance_mm:.1f} mm apart, quality {self.quality:.2f}"
            )
        lines += [f"{count:6d} x {reason}" for reason, count in self.reasons.items()]
        if self.uv_distance:
            quantiles = ", ".join(f"{self.uv_quantile(share):.4f} at {share:.0%}" for share in (0.5, 0.9))
            lines.append(f"labels, vertices to the UV map: {quantiles}")
        if self.inputs_per_s:
            lines.append(f"{self.inputs_per_s:.2f} inputs/s and process")
        return lines


def read_entries(folder: RunFolder) -> list[dict[str, Any]]:
    """Report entries of the finished shards, in the order of the inputs."""
    entries: list[dict[str, Any]] = []
    for shard in range(folder.n_shards):
        if folder.is_finished(shard):
            entries += json.loads(folder.report_path(shard).read_text(encoding="utf-8"))
    return entries


def summarise(folder: RunFolder, entries: Iterable[dict[str, Any]]) -> Summary:
    """Count and average."""
    entries = list(entries)
    states = Counter(entry["state"] for entry in entries)
    reasons = Counter(name for entry in entries for name in dict.fromkeys(one["name"] for one in entry["reasons"]))
    labels = [entry for entry in entries if entry["state"] == LABELLED]
    return Summary(
        inputs=len(folder.inputs),
        labelled=states[LABELLED],
        rejected=states[REJECTED],
        no_face=states[NO_FACE],
        unreadable=states[UNREADABLE],
        reasons=dict(reasons.most_common()),
        landmark_error=_median(entry["landmark_error"] for entry in labels),
        eye_distance_mm=_median(entry["eye_distance_mm"] for entry in labels),
        quality=_median(entry["quality"] for entry in labels),
        uv_distance=_mean_quantiles([entry["uv_distance"] for entry in labels if entry.get("uv_distance")]),
        inputs_per_s=_rate(folder),
    )


def write_report(folder: RunFolder) -> Summary:
    """Write ``report.html`` and ``report.json`` of what is finished, unless another process is writing the same."""
    entries = read_entries(folder)
    summary = summarise(folder, entries)
    with exclusive(folder.root / "locks" / "report.lock") as ours:
        if ours:
            remove_partial_files(folder.root, "report")
            write_json(folder.root / "report.json", asdict(summary))
            write_text(folder.root / "report.html", render_html(summary, entries, folder.root.name))
    return summary


def render_html(summary: Summary, entries: list[dict[str, Any]], title: str) -> str:
    """A page without outside resources; links are relative to its own folder."""
    template = files("teacher.dataset").joinpath("templates/report.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True)
    return environment.from_string(template).render(
        title=title, summary=asdict(summary), states=STATES, entries=_script_json(entries)
    )


def _script_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in, whatever a file is called."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _mean_quantiles(faces: Sequence[Sequence[float | None]]) -> tuple[float, ...]:
    """Mean over the faces of each quantile; a face that found no vertex has none."""
    whole = [[value for value in face if value is not None] for face in faces]
    longest = max(map(len, whole), default=0)
    complete = [one for one in whole if len(one) == longest]
    return tuple(statistics.fmean(column) for column in zip(*complete, strict=True))


def _rate(folder: RunFolder) -> float | None:
    """Inputs a second of one process, by the log; None if the log says nothing."""
    inputs, seconds = 0, 0.0
    try:
        lines = folder.log_path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:  # cut off by a kill
            continue
        if event.get("event") == "shard finished":
            inputs += event["inputs"]
            seconds += event["seconds"]
    return inputs / seconds if seconds > 0 else None
