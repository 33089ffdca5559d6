"""The head model laid on the scans of a folder of real people, and kept on disk, as it takes seconds a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from shared.evaluate.truth_set import TruthSet
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.records.tensor_files import TensorFileError, read_tensors, write_tensors
from shared.records.tensor_record import concatenate
from teacher.registration.scans import Scan, landmark_offsets, register_scans

SCHEMA = "pixel3dmm-distill/true-heads/1"


@dataclass(frozen=True, eq=False)
class TrueHeads:
    """One head for every person and state."""

    rows: Mapping[tuple[str, int], int]  # by name and state
    params: FlameParams  # (T, ...)

    def of(self, id: str) -> FlameParams:
        """Of the picture "PERSON/STATE_VIEW"."""
        return self.params[self.rows[person_and_state(id)]]


def person_and_state(id: str) -> tuple[str, int]:
    """Of the picture "PERSON/STATE_VIEW"."""
    person, view = id.split("/")
    return person, int(view.split("_")[0])


def register_people(model: FlameModel, pictures: TruthSet, quiet: bool = False) -> TrueHeads:
    """Lay the head on all scans of a set of `real_heads`: one shape a person, at rest in state 0."""
    scans = _scans(pictures)
    offset_m = landmark_offsets(model, [known[0] for known in scans.values() if 0 in known])
    rows: dict[tuple[str, int], int] = {}
    heads = []
    for person, known in tqdm(scans.items(), desc="laying heads", unit="person", dynamic_ncols=True, disable=quiet):
        states = sorted(known)
        neutral = [states.index(0)] if 0 in known else []
        heads.append(register_scans(model, [known[state] for state in states], neutral, offset_m))
        rows |= {(person, state): len(rows) + place for place, state in enumerate(states)}
    return TrueHeads(rows, concatenate(heads).detach())


def stored_heads(path: Path, model: FlameModel, pictures: TruthSet, quiet: bool = False) -> TrueHeads:
    """Those of a .safetensors file, if it is of these pictures and this head; else made now and written there."""
    made = {"schema": SCHEMA, "set": pictures.id, "head_id": model.assets.head_id}
    try:
        tensors, header = read_tensors(path, SCHEMA)
    except TensorFileError:
        tensors, header = {}, {}
    if all(header.get(key) == value for key, value in made.items()):
        rows = {(str(person), int(state)): row for row, (person, state) in enumerate(header["rows"])}
        return TrueHeads(rows, FlameParams(**tensors))
    heads = register_people(model, pictures, quiet)
    stored: dict[str, Tensor] = {
        field.name: getattr(heads.params, field.name).contiguous() for field in fields(heads.params)
    }
    write_tensors(path, stored, {**made, "rows": [list(key) for key in heads.rows]})
    return heads


def _scans(pictures: TruthSet) -> dict[str, dict[int, Scan]]:
    """By person and state."""
    scans: dict[str, dict[int, Scan]] = {}
    for index, id in enumerate(pictures.ids):
        person, state = person_and_state(id)
        known = scans.setdefault(person, {})
        if state not in known:
            face = pictures.item(index).truth.posed
            assert face.ibug68_m is not None
            known[state] = Scan(face.points_m.float(), face.normals.float(), face.ibug68_m.float())
    return scans
