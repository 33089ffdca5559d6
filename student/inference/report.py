"""What became of each input: for the terminal, for ``report.json``, and so that a run of a folder can go on."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from shared.images.source import InputRef
from shared.runs.files import write_json
from student.live.rows import HeadRows
from student.live.stages import StageTimes

State = Literal["done", "doubtful", "partial", "no face", "failed"]
RESULT = "result.json"  # in the folder of each input of a folder; written last


@dataclass(frozen=True)
class InputReport:
    """Of one input."""

    id: str
    path: str
    kind: str
    # doubtful: written, but the quality gate has something against a head of the photo, see ``reason``; partial: it
    # ended before it should, and what was predicted is kept
    state: State
    reason: str | None = None
    interrupted: bool = False  # by the user, who wants to see no further input
    frames: int = 1
    found: int = 0  # frames with a face; of a photo, faces
    dropped: int = 0  # frames that came too fast
    landmark_error: float | None = None  # median, share of the eye distance, where MediaPipe was asked
    seconds: float | None = None
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    @property
    def fps(self) -> float | None:
        """Frames a second, from the first frame to the last file."""
        return self.frames / self.seconds if self.seconds else None

    @staticmethod
    def of_stream(
        ref: InputRef,
        rows: HeadRows,
        files: Sequence[Path],
        *,
        problem: str | None,
        interrupted: bool,
        dropped: int,
        seconds: float,
        times: StageTimes,
    ) -> InputReport:
        """Of a clip or camera."""
        frames = len(rows.frames)
        state: State = "done"
        if not frames:
            state = "failed"
        elif problem is not None or (interrupted and ref.kind != "camera"):
            state = "partial"
        elif not rows.found:
            state, problem = "no face", "no face was found in any frame"
        return InputReport(
            id=ref.id,
            path=ref.path,
            kind=ref.kind,
            state=state,
            reason=problem or ("stopped by the user" if interrupted else None),
            interrupted=interrupted,
            frames=frames,
            found=rows.found,
            dropped=dropped,
            landmark_error=rows.median_error(),
            seconds=seconds,
            stages=times.as_json(),
            files=tuple(str(path) for path in files),
        )

    def as_json(self) -> dict[str, Any]:
        """For files; ``files`` is a count."""
        values = asdict(self)
        fps = self.fps
        return values | {
            "files": len(self.files),
            "lost": self.frames - self.found if self.kind != "photo" else 0,
            "fps": None if fps is None or not math.isfinite(fps) else round(fps, 2),
        }

    def line(self) -> str:
        """For the terminal."""
        said = f": {self.reason}" if self.reason else ""
        if self.kind == "photo":
            what = f"{self.found} face{'s' * (self.found != 1)}"
        else:
            what = f"{self.found} of {self.frames} frames show the face"
            what += f", {self.dropped} came too fast" if self.dropped else ""
        if self.landmark_error is not None:
            what += f", {self.landmark_error:.1%} from MediaPipe's landmarks"
        return f"{self.id}: {self.state}{said} ({what})"


def finished(folder: Path, key: str) -> InputReport | None:
    """What an earlier run with the same ``key`` said of the input of this folder; None if there is none."""
    try:
        stored = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        report = stored["report"]
        return InputReport(**{**report, "files": tuple(report["files"])}) if stored["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(folder: Path, key: str, report: InputReport) -> None:
    """Note that an input is finished."""
    write_json(folder / RESULT, {"key": key, "report": asdict(report)})
