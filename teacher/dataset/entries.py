"""What the report keeps of every face, and of every input without one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from teacher.observation.stream import Observation
from teacher.pipeline.records import FitOutcome, FittedFace

LABELLED, REJECTED, NO_FACE, UNREADABLE = "labelled", "rejected", "no face", "unreadable"  # states
STATES = (LABELLED, REJECTED, NO_FACE, UNREADABLE)

Entry = dict[str, Any]  # JSON values


def entries_of(observations: Sequence[Observation], outcomes: Sequence[FitOutcome]) -> list[Entry]:
    """Entries of frames and the fits of their faces, in order."""
    entries, results = [], iter(outcomes)
    for observation in observations:
        if observation.problem is not None:
            reason = {"name": UNREADABLE, "reason": observation.problem}
            entries.append({"id": observation.id, "state": UNREADABLE, "reasons": [reason]})
        elif not observation.faces:
            reason = {"name": NO_FACE, "reason": "no face was found in the picture"}
            entries.append({"id": observation.id, "state": NO_FACE, "reasons": [reason]})
        entries += [face_entry(next(results)) for _ in observation.faces]
    return entries


def face_entry(outcome: FitOutcome) -> Entry:
    """One face; a number that is not finite becomes None."""
    face = outcome.face
    entry = {
        "id": face.id,
        "state": REJECTED if outcome.failures else LABELLED,
        "reasons": [asdict(failure) for failure in outcome.failures],
        "quality": 0.0,
        "focal_source": face.focal_source,
        "detector_score": _number(face.detector_score),
    }
    if isinstance(outcome, FittedFace):
        numbers = {"quality": outcome.verdict.quality, **asdict(outcome.verdict.measures)}
        entry |= {name: _number(value) for name, value in numbers.items()}
        if outcome.check is not None:
            entry["uv_distance"] = [_number(value) for value in outcome.check.uv_distance]
    return entry


def _number(value: float | bool | None) -> float | bool | None:
    """Six digits: enough for a report, and the same text whatever the last bit."""
    if value is None or isinstance(value, bool):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None
