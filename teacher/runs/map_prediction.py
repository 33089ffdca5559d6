"""Predicting maps for all faces of photos and clips: the folder of such a run, and how it is filled.

manifest.json        what the results depend on
maps/                000012_000003.normal.png ...: face 3 of input 12 (`map_files`)
faces/               000012.json: the entries of input 12 for the report; written when all its maps are
report.json          all entries, and how many of each kind
contact_sheet.jpg    the first faces
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from shared.config import ObserveConfig
from shared.geometry.crop import Crop
from shared.geometry.face_crop import MARGIN
from shared.images.decode import InputError
from shared.images.source import InputRef, find_inputs
from shared.runs.errors import UserError
from shared.runs.files import write_json
from shared.runs.manifest import claim
from teacher.config import PriorPredictConfig
from teacher.observation.face import ObservedFace
from teacher.observation.stream import Observation, ObservationStream
from teacher.prior.geometry.crops import crop_input
from teacher.prior.map_quality.checks import MapQuality
from teacher.prior.prediction.map_files import FaceMaps, write_face_maps
from teacher.prior.prediction.report import NO_FACE, Entry, Summary, face_entry, record_path, write_report
from teacher.prior.prediction.tools import PredictTools
from teacher.prior.records import PriorInput, PriorPrediction

SCHEMA = "pixel3dmm-distill/prior-predictions/1"
_MADE = ("maps", "faces", "report.json", "contact_sheet.jpg")
_MANY = 64  # pictures that wait for a batch to fill


def run_prediction(config: PriorPredictConfig, tools: PredictTools, quiet: bool = False) -> Summary:
    """Predict for all inputs, or go on with what an earlier run left; write the report and the contact sheet.

    Raises:
        UserError: no inputs, or a folder that holds something else.
        StorageError: something cannot be written.
    """
    root, refs = Path(config.out), _inputs(config)
    claim(root, _manifest(config, tools, refs), _MADE, config.overwrite)
    todo = [ref for ref in refs if not record_path(root, ref.index).is_file()]
    observe = ObserveConfig(faces=config.faces, crop_size=tools.predictor.network.size, crop_margin=MARGIN)
    with (
        ObservationStream(tools.detector, observe, ahead=config.batch_size) as stream,
        tqdm(total=len(refs), initial=len(refs) - len(todo), unit="input", disable=quiet, dynamic_ncols=True) as bar,
    ):
        waiting, entries, faces = iter(todo), [], 0
        ref = next(waiting, None)
        for seen, predicted in _predicted(stream(todo), config, tools):
            assert ref is not None
            if seen.last:
                write_json(record_path(root, ref.index), entries)
                ref, entries = next(waiting, None), []
                bar.update()
                continue
            for face in predicted:
                stem = root / "maps" / f"{ref.index:06d}_{len(entries):06d}"
                entries.append(_keep(stem, face))
            if not predicted:
                entries.append(face_entry(seen.id, problem=seen.problem or NO_FACE))
            faces += len(predicted)
            bar.set_postfix(faces=faces)
    return write_report(root, len(refs))


@dataclass(frozen=True, eq=False)
class _Predicted:
    face: ObservedFace
    input: PriorInput
    prediction: PriorPrediction


def _predicted(
    stream: Iterable[Observation], config: PriorPredictConfig, tools: PredictTools
) -> Iterator[tuple[Observation, list[_Predicted]]]:
    """Observations in their order, with the predictions for their faces, which are made a batch at a time."""
    for group in _groups(stream, config.batch_size):
        faces = [face for seen in group for face in seen.faces]
        inputs = _network_inputs(faces, tools)
        given = inputs if config.landmarks else [one.without_landmarks() for one in inputs]
        done = map(_Predicted, faces, inputs, tools.predictor.predict(given))
        for seen in group:
            yield seen, [next(done) for _ in seen.faces]


def _network_inputs(faces: Sequence[ObservedFace], tools: PredictTools) -> list[PriorInput]:
    if tools.starts is None:
        return [crop_input(face.crop_image, face.crop.apply(face.landmarks_px), tools.mapper) for face in faces]
    whole = [Crop.whole(face.crop.size, face.landmarks_px[0]) for face in faces]
    return tools.starts.inputs([face.evidence() for face in faces], whole, [face.crop_image for face in faces])


def _groups(stream: Iterable[Observation], batch_size: int) -> Iterator[list[Observation]]:
    group: list[Observation] = []
    for seen in stream:
        group.append(seen)
        if sum(len(one.faces) for one in group) >= batch_size or len(group) >= _MANY:
            yield group
            group = []
    yield group


def _keep(stem: Path, one: _Predicted) -> Entry:
    """Write one face's files; its entry in the report."""
    face = one.face
    quality = MapQuality.of(one.prediction, one.input)
    warnings = [warning.reason for warning in quality.warnings]
    entry = face_entry(face.id, f"maps/{stem.name}", warnings=warnings, quality=_finite(asdict(quality)))
    stored = FaceMaps.of(one.prediction, face.crop, face.landmarks_px)
    write_face_maps(stem, stored, face.crop_image, {"face": entry, "picture_size": list(face.camera.size)})
    return entry


def _finite(values: dict[str, float | None]) -> dict[str, float | None]:
    return {name: value if value is not None and math.isfinite(value) else None for name, value in values.items()}


def _inputs(config: PriorPredictConfig) -> list[InputRef]:
    try:
        found = find_inputs(config.inputs)
    except InputError as error:
        raise UserError(f"inputs={config.inputs}: {error.reason}") from error
    if not found or found[0].kind == "camera":
        raise UserError(f"inputs={config.inputs}: no photos or clips there")
    source, out = Path(config.inputs).resolve(), Path(config.out).resolve()
    if source.is_dir() and (out == source or source in out.parents):
        raise UserError(f"out={config.out} lies inside inputs={config.inputs}: choose another out=")
    return list(found)


def _manifest(config: PriorPredictConfig, tools: PredictTools, refs: Sequence[InputRef]) -> dict[str, Any]:
    names = json.dumps([[ref.kind, ref.id] for ref in refs])
    return {
        "schema": SCHEMA,
        "weights": tools.weights_id,
        "flip": config.flip,
        "landmarks": config.landmarks,
        "faces": config.faces,
        "inputs": f"{len(refs)} files, {hashlib.sha256(names.encode()).hexdigest()[:12]}",
    }
