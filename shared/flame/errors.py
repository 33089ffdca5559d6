"""The one error that reading a head model raises."""

from __future__ import annotations

from pathlib import Path

from shared.runs.errors import UserError


class FlameFileError(UserError):
    """A head model file that is missing, damaged, hostile, or not what its name says."""

    def __init__(self, path: Path | str, problem: str, hint: str = "") -> None:
        self.path, self.problem, self.hint = Path(path), problem, hint
        super().__init__(f"{path}: {problem}" + (f"\n  {hint}" if hint else ""))
