"""The page of an evaluation: the table, where on the face the errors are, and the pictures they come from."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from jinja2 import Environment
from PIL import Image

from shared.evaluate.faces import skin_samples
from shared.evaluate.heat_maps import LIMIT_MM, HeatPainter, colour_bar
from shared.evaluate.motion import REGIONS
from shared.evaluate.photo_judge import WORTH
from shared.evaluate.results import Results
from shared.evaluate.rows import TASKS, Row
from shared.evaluate.run_folder import RunFolder
from shared.evaluate.summary import Group
from shared.evaluate.table import COLUMNS, MOTION_COLUMNS, cells, intervals, motion_cells
from shared.evaluate.truth_set import TruthSet
from shared.runs.files import write_atomically, write_text

_SHOWN = 6  # pictures of each sort
_MISSING = "Without a reconstruction"


def write_report(folder: RunFolder, results: Results, truth: TruthSet | None) -> None:
    """Write the heat maps and ``report.html``."""
    maps = {} if truth is None else _write_heat_maps(folder, results.rows, truth)
    template = files("shared.evaluate").joinpath("templates/report.html.j2").read_text(encoding="utf-8")
    page = (
        Environment(autoescape=True)
        .from_string(template)
        .render(
            results=results,
            overall=results.groups[0],
            columns=[head for head, *_ in COLUMNS],
            motion_columns=[head for head, *_ in MOTION_COLUMNS],
            regions=list(REGIONS),
            bounds=list(intervals(results.groups[0])),
            tasks=TASKS,
            lines=[_line(group) for group in results.groups],
            maps=maps,
            limit_mm=LIMIT_MM,
            gradient=colour_bar(),
            strips=_strips(folder, results.rows),
            worth=WORTH,
            missing=_MISSING,
        )
    )
    write_text(folder.root / "report.html", page)


def _line(group: Group) -> dict[str, Any]:
    """One row of the table, as text."""
    marks = group.landmark_error
    return {
        "dimension": group.dimension,
        "label": group.label,
        "count": group.count,
        "failed": group.failed,
        "cells": [cell for task in TASKS for cell in cells(group, task)],
        "landmarks": "-" if marks is None else f"{marks.mean:.2f}",
        "motion": [cell for part in motion_cells(group) for cell in part] if group.motion else [],
    }


def _error(row: Row) -> float | None:
    """What pictures are sorted by: millimetres, or percent where there is no truth."""
    posed = row.numbers("posed", "by_landmarks")
    return posed.l2_mm if posed else row.landmark_error


def _strips(folder: RunFolder, rows: Sequence[Row]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Headings, each with pictures: those that failed, the worst, the middle, the best."""
    by_error = sorted((row for row in rows if _error(row) is not None), key=lambda row: -(_error(row) or 0.0))
    chosen = {}
    if len(by_error) <= 3 * _SHOWN:
        chosen["Worst to best"] = by_error
    else:
        middle = (len(by_error) - _SHOWN) // 2
        chosen["Worst"] = by_error[:_SHOWN]
        chosen["Around the median"] = by_error[middle : middle + _SHOWN]
        chosen["Best"] = by_error[: -_SHOWN - 1 : -1]
    chosen[_MISSING] = [row for row in rows if row.state != "scored"][: 4 * _SHOWN]
    return [(name, [_card(folder, row) for row in members]) for name, members in chosen.items() if members]


def _card(folder: RunFolder, row: Row) -> dict[str, Any]:
    facts = row.facts or {}
    texts = [
        f"{name} {number.l2_mm:.2f} mm"
        for name in TASKS
        for number in [row.numbers(name, "by_landmarks")]
        if number is not None
    ]
    texts += [] if row.landmark_error is None else [f"landmarks {row.landmark_error:.2f} %"]
    texts += [f"yaw {facts['yaw_deg']:.0f}°"] if "yaw_deg" in facts else []
    texts += [f"occluded {facts['occluded']:.0%}"] if "occluded" in facts else []
    texts += [str(facts["expression"])] if "expression" in facts else []
    path = folder.preview_path(row.index)
    preview = path.relative_to(folder.root).as_posix() if path.exists() else ""
    return {"id": row.id, "preview": preview, "facts": texts, "reason": row.reason or row.state}


def _write_heat_maps(folder: RunFolder, rows: Sequence[Row], truth: TruthSet) -> dict[str, str]:
    """Task -> picture of its mean errors, relative to the folder; without the tasks nobody did."""
    painter = HeatPainter(truth.head, skin_samples(truth.head))
    written = {}
    for task, mean_mm in _mean_distances(folder, rows).items():
        views = Image.fromarray(painter.views(mean_mm))
        path = folder.root / "heat_maps" / f"{task}.png"
        write_atomically(path, lambda partial, views=views: views.save(partial))
        written[task] = path.relative_to(folder.root).as_posix()
    return written


def _mean_distances(folder: RunFolder, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    """Task -> (N,) millimetres, over the pictures that have it; NaN where none has."""
    total: dict[str, list[Any]] = {}
    for row in rows:
        if row.scores is None:
            continue
        values = np.load(folder.distances_path(row.index)).astype(np.float64)
        for task in row.scores:
            entry, own = total.setdefault(task, [0.0, 0.0]), values[TASKS.index(task)]
            entry[0], entry[1] = entry[0] + np.nan_to_num(own), entry[1] + np.isfinite(own)
    with np.errstate(invalid="ignore"):  # no point of any picture fell there
        return {task: torch.from_numpy(total[task][0] / total[task][1]) for task in TASKS if task in total}
