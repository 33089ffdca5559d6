"""Which code made a file, and from what, without saying where."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


@cache
def git_sha() -> str | None:
    """The commit of this source tree as the process began, "-dirty" with changed files; None outside a repository."""
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():  # installed: a repository around the environment is not ours
        return None
    describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    command = ["git", "--no-optional-locks", "-C", str(folder), *describe]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def without_folders(value: Any) -> Any:
    """JSON values in which paths are only names, as weights are handed on."""
    if isinstance(value, Mapping):
        return {key: without_folders(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_folders(one) for one in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
