"""What is kept of each picture: one JSON object a line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from shared.evaluate.metrics import NUMBERS, FaceNumbers, FaceScore
from shared.evaluate.motion import RegionMotion

State = Literal["scored", "no face", "failed"]
TASKS = ("posed", "neutral")
ALIGNMENTS = ("by_landmarks", "scaled", "by_icp")


@dataclass(frozen=True)
class Row:
    """One picture. JSON values."""

    id: str
    index: int  # in the set
    state: State
    reason: str = ""  # why it is not scored
    image_sha: str = ""  # first 16 hex digits of the SHA-256 of the pixels
    seconds: float = 0.0  # of the method
    git_sha: str | None = None  # of the code that scored it
    facts: dict[str, Any] | None = None  # those of the set, "person" among them; None for photos
    scores: dict[str, dict[str, dict[str, float]]] | None = None  # task -> alignment -> number; None unless scored
    landmark_error: float | None = None  # against the truth; for photos against MediaPipe
    motion: dict[str, dict[str, float]] | None = None  # region -> its `RegionMotion`; None where it is not known

    def numbers(self, task: str, alignment: str) -> FaceNumbers | None:
        """The errors of one task, None where there are none."""
        found = (self.scores or {}).get(task, {}).get(alignment)
        return None if found is None else FaceNumbers(**found)

    @property
    def person(self) -> str:
        """Whom the picture shows; each photo by itself."""
        return self.id if self.facts is None else str(self.facts["person"])

    def motions(self) -> dict[str, RegionMotion]:
        """Motion from neutral by region; empty where it is not known."""
        return {name: RegionMotion(**values) for name, values in (self.motion or {}).items()}  # type: ignore[arg-type]

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)


def numbers_of(score: FaceScore) -> dict[str, dict[str, float]]:
    """Alignment -> number, without the arrays."""
    return {name: {key: getattr(getattr(score, name), key) for key in NUMBERS} for name in ALIGNMENTS}


def read_rows(path: Path) -> dict[str, Row]:
    """The rows of a file by picture, the last one of each; a line that a kill cut off is passed over."""
    rows: dict[str, Row] = {}
    if not path.exists():
        return rows
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = Row(**json.loads(line))
        except (ValueError, TypeError):
            continue
        rows[row.id] = row
    return rows


def image_sha(image: np.ndarray) -> str:
    """Of the pixels and the size of a picture."""
    return hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()[:16]


def set_checksum(rows: Mapping[str, Row]) -> str:
    """First 16 hex digits over all pictures: two runs that differ in it did not see the same ones."""
    listing = "".join(f"{row.id} {row.image_sha}\n" for row in sorted(rows.values(), key=lambda row: row.id))
    return hashlib.sha256(listing.encode()).hexdigest()[:16]
