"""Killed at any moment and started again, a run gives the same bytes and fits nothing twice without need."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.teacher.fakes import make_photos
from tests.teacher.test_dataset import SCRIPT, events, snapshot

COUNT, SHARD = 24, 4
KILLS = 10


def start(photos: Path, out: Path, processes: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, SCRIPT, "seconds=0.02", f"inputs={photos}", f"out={out}", f"shard_size={SHARD}"]
    return subprocess.Popen(
        [*command, "batch_size=2", "previews=false", f"processes={processes}"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.mark.slow
def test_kills_change_nothing(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    make_photos(photos, COUNT)
    began = time.monotonic()
    assert start(photos, tmp_path / "whole", 1).wait() == 0
    duration = time.monotonic() - began
    choose, kills = random.Random(0), 0
    while kills < KILLS:
        seen = len(events(out, "fit")) if (out / "run_log.jsonl").exists() else 0
        process = start(photos, out, processes=1 + kills % 2)
        # Let it get somewhere: most of a run is imports, and kills there would test little.
        deadline = time.monotonic() + 60
        wanted = seen + choose.randint(0, 3)
        while process.poll() is None and time.monotonic() < deadline:
            if (out / "run_log.jsonl").exists() and len(_whole_lines(out)) > wanted:
                break
            time.sleep(0.005)
        time.sleep(choose.uniform(0, duration / COUNT / 4))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        if len(list((out / "labels").glob("[0-9]*"))) == COUNT // SHARD:
            break
    assert kills >= 3, "the run was over before it could be killed"
    assert start(photos, out, 2).wait() == 0
    assert snapshot(out) == snapshot(tmp_path / "whole")
    assert not list(out.rglob("*.partial-*"))
    _check_work(out, kills)


def _whole_lines(out: Path) -> list[str]:
    return [line for line in (out / "run_log.jsonl").read_text().splitlines() if '"fit"' in line]


def _check_work(out: Path, kills: int) -> None:
    finished = Counter(event["shard"] for event in events(out, "shard finished"))
    started = Counter(event["shard"] for event in events(out, "shard started"))
    # A shard may be in place without its last line in the log, if the kill came between the two.
    assert set(finished) <= set(range(COUNT // SHARD)) == set(started)
    assert max(finished.values()) == 1
    # Each kill costs at most the shards that were open, one a process.
    assert sum(started.values()) - COUNT // SHARD <= 2 * kills
    ended: dict[int, float] = {event["shard"]: event["time"] for event in events(out, "shard finished")}
    late = [e for e in events(out, "fit") if e["shard"] in ended and e["time"] > ended[e["shard"]]]
    assert late == []


def _hear_interrupts() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_stopped_run_says_how_to_go_on(tmp_path: Path, name: str) -> None:
    make_photos(tmp_path / "photos", COUNT)
    out = tmp_path / "out"
    command = [
        sys.executable,
        SCRIPT,
        "seconds=0.3",
        f"inputs={tmp_path / 'photos'}",
        f"out={out}",
        "shard_size=2",
        "previews=false",
    ]
    process = subprocess.Popen(
        [*command, "processes=2"], stderr=subprocess.PIPE, text=True, preexec_fn=_hear_interrupts
    )
    while not (out / "labels" / "00001.safetensors").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.Signals[name])
    _, message = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "run the same command again to go on" in message
    assert "Traceback" not in message
