"""One shard from pictures to the label file."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from shared.config import FitDatasetConfig
from shared.files import remove_partial_files, write_json
from shared.labels import Cameras, LabelShard, empty_shard, join, write_shard
from shared.records import stack
from teacher.pipeline import FitOutcome, FittedFace, Tools, fit_faces
from teacher.previews import write_preview
from teacher.run_folder import RunFolder
from teacher.stream import Observation, ObservationStream

LABELLED, REJECTED, NO_FACE, UNREADABLE = "labelled", "rejected", "no face", "unreadable"  # states of report entries

Entry = dict[str, Any]


def label_shard(
    index: int,
    folder: RunFolder,
    config: FitDatasetConfig,
    tools: Tools,
    stream: ObservationStream,
    tick: Callable[[], None],
) -> None:
    """Do all of one shard; the label file appears last. ``tick`` is called after each input, and may raise to stop."""
    path, report_path = folder.label_path(index), folder.report_path(index)
    for leftover in (path, report_path):
        remove_partial_files(leftover.parent, leftover.stem)
    inputs, start = folder.shard_inputs(index), time.monotonic()
    folder.log("shard started", shard=index, inputs=len(inputs))
    entries: list[Entry] = []
    labels = [empty_shard(tools.model.n_shape, tools.model.n_expression)]
    for number, batch in enumerate(_batches(stream(inputs), config.batch_size, tick)):
        faces = [face for observation in batch for face in observation.faces]
        folder.log("fit", shard=index, batch=number, ids=[face.id for face in faces])
        outcomes = fit_faces(faces, tools, config.quality)
        good = [one for one in outcomes if isinstance(one, FittedFace) and not one.failures]
        labels.append(to_labels(good, tools))
        new_entries = _entries(batch, outcomes)
        if config.previews:
            _write_previews(new_entries, len(entries), outcomes, folder.preview_folder(index), tools)
        entries += new_entries
    write_json(report_path, entries)
    write_shard(path, join(labels), folder.provenance)
    folder.log("shard finished", shard=index, inputs=len(inputs), seconds=round(time.monotonic() - start, 3))


def to_labels(fitted: Sequence[FittedFace], tools: Tools) -> LabelShard:
    """Labels of faces that have passed the gate; the camera is that of the full picture."""
    if not fitted:
        return empty_shard(tools.model.n_shape, tools.model.n_expression)
    results = stack([one.result for one in fitted])
    crops = stack([one.face.crop for one in fitted])
    return LabelShard(
        ids=tuple(one.face.id for one in fitted),
        params=results.params,
        cameras=Cameras.of([one.camera for one in fitted]),
        crop_affine=crops.affine,
        crop_size=torch.tensor([crops.size] * len(fitted)),
        landmarks_px=torch.stack([one.face.landmarks_px for one in fitted]),
        score=torch.tensor([one.verdict.score for one in fitted]),
        landmark_error=results.landmark_error,
        eye_distance_m=results.eye_distance_m,
        code_rms=results.code_rms,
    )


def _batches(
    observations: Iterator[Observation], batch_size: int, tick: Callable[[], None]
) -> Iterator[list[Observation]]:
    """Frames whose faces together make a batch; the cut depends on the inputs only."""
    batch: list[Observation] = []
    for observation in observations:
        if observation.last:
            tick()
            continue
        batch.append(observation)
        if sum(len(one.faces) for one in batch) >= batch_size or len(batch) >= 4 * batch_size:
            yield batch
            batch = []
    if batch:
        yield batch


def _entries(batch: Sequence[Observation], outcomes: Sequence[FitOutcome]) -> list[Entry]:
    """What the report says of each face, and of each picture without one."""
    entries, results = [], iter(outcomes)
    for observation in batch:
        if observation.problem is not None:
            reason = {"name": UNREADABLE, "reason": observation.problem}
            entries.append({"id": observation.id, "state": UNREADABLE, "reasons": [reason]})
        elif not observation.faces:
            reason = {"name": NO_FACE, "reason": "no face was found in the picture"}
            entries.append({"id": observation.id, "state": NO_FACE, "reasons": [reason]})
        entries += [face_entry(next(results)) for _ in observation.faces]
    return entries


def face_entry(outcome: FitOutcome) -> Entry:
    """JSON values of one face; a number that is not finite becomes None."""
    face = outcome.face
    entry = {
        "id": face.id,
        "state": REJECTED if outcome.failures else LABELLED,
        "reasons": [asdict(failure) for failure in outcome.failures],
        "score": 0.0,
        "focal_source": face.focal_source,
        "detector_score": _number(face.detector_score),
    }
    if isinstance(outcome, FittedFace):
        numbers = {"score": outcome.verdict.score, **asdict(outcome.verdict.measures)}
        entry |= {name: _number(value) for name, value in numbers.items()}
    return entry


def _number(value: float | bool) -> float | bool | None:
    """Six digits: enough for a report, and the same text whatever the last bit."""
    if isinstance(value, bool):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _write_previews(
    entries: Sequence[Entry], first: int, outcomes: Sequence[FitOutcome], folder: Path, tools: Tools
) -> None:
    """Overlays of the faces of one batch, numbered as the entries from ``first``; these learn their names."""
    faces = {one.face.id: one for one in outcomes}
    for number, entry in enumerate(entries, first):
        if entry["id"] in faces:
            name = f"{number:06d}.jpg"
            write_preview(folder / name, faces[entry["id"]], tools.model)
            entry["preview"] = f"{folder.parent.name}/{folder.name}/{name}"
