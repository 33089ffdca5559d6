"""Which code made a file."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path


@cache
def git_sha() -> str | None:
    """The commit of this source tree as the process began, "-dirty" with changed files; None outside a repository."""
    folder = Path(__file__).parent.parent
    if not (folder / ".git").exists():  # installed: a repository around the environment is not ours
        return None
    describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    command = ["git", "--no-optional-locks", "-C", str(folder), *describe]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
