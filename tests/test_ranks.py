"""Which process of a job this is, and how many others it has to start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shared.runs.errors import UserError
from shared.runs.ranks import Ranks, missing_processes, training_ranks

LAUNCHERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "ACCELERATE_MIXED_PRECISION")
MISSING = """
import sys
from shared.runs.ranks import Ranks, missing_processes
print(missing_processes(int(sys.argv[1]), Ranks.from_environment()))
"""


@pytest.fixture(autouse=True)
def nothing_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LAUNCHERS:
        monkeypatch.delenv(name, raising=False)


def test_alone_we_start_the_others() -> None:
    assert missing_processes(3, Ranks.from_environment()) == 2
    assert training_ranks() == Ranks()


def test_a_launcher_of_several_starts_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    launched = {
        "RANK": "1",
        "WORLD_SIZE": "2",
        "LOCAL_RANK": "1",
        "MASTER_ADDR": "a",
        "ACCELERATE_MIXED_PRECISION": "no",
    }
    for name, value in launched.items():
        monkeypatch.setenv(name, value)
    assert training_ranks() == Ranks(1, 2, 1, launched=True)
    assert missing_processes(3, training_ranks()) == 0


def test_a_launcher_that_starts_no_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    assert training_ranks() == Ranks()
    monkeypatch.setenv("MASTER_ADDR", "a")
    with pytest.raises(UserError, match="torchrun --nproc_per_node"):
        training_ranks()
    with pytest.raises(UserError, match="processes="):
        missing_processes(1, Ranks.from_environment())


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "processes", "missing"), [(1, 1, 0), (2, 3, 2), (2, 1, None)])
def test_accelerate_on_the_cpu_starts_one(asked: int, processes: int, missing: int | None, tmp_path: Path) -> None:
    """What it leaves in the environment is not written down anywhere: a change would show here."""
    script = tmp_path / "missing.py"
    script.write_text(MISSING)
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", f"--num_processes={asked}"]
    done = subprocess.run([*launch, str(script), str(processes)], capture_output=True, text=True, check=False)
    if missing is None:
        assert "processes=" in done.stderr
    else:
        assert done.stdout.strip() == str(missing), done.stderr
