"""The benchmark scripts run; their figures are not judged here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shared.images.video_writer import VideoWriter

pytestmark = pytest.mark.benchmark

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "options", "expected"),
    [
        ("rasterizer.py", "sizes=64 repeats=1 oracle_repeats=1 batch=2", "64"),
        ("solvers.py", "pictures=2 batch=2 steps=3 recipe=0", "energy is no higher"),
        ("student_training.py", "config=nano steps=2 repeats=1 workers=0 device=cpu", "on a held batch"),
        ("student_live.py", "checkpoints=nano out={tmp} frames=4 loops=2 size=240x320 memory_loops=2", "memory after"),
        ("live_jitter.py", "checkpoints=nano out={tmp} frames=8 still=10 size=240x320", "MediaPipe"),
        ("student_export.py", "checkpoint=nano pictures=4 calibrated=4 threads=1 rounds=1 calls=2", "to the truth, mm"),
        ("clip_fit.py", "out={tmp} frames=6 size=256", "as one clip"),
        ("views_fit.py", "persons=2 size=256", "three, cameras known"),
        ("landmark_accuracy.py", "heads=2 pictures=true", "MediaPipe on 2 renders"),
        ("portrait_realism.py", "count=4 size=256", "portraits with a free face of 4"),
        ("portrait_speed.py", "count=3 size=64 processes=1 profile=true", "materials and light"),
        ("prior_speed.py", "size=64 batch=4 steps=2 repeats=1 workers=1 batches=2 device=cpu", "vit-base: skipped"),
    ],
)
def test_script(script: str, options: str, expected: str, tmp_path: Path) -> None:
    assert expected in printed(script, *options.format(tmp=tmp_path).split())


def printed(script: str, *options: str) -> str:
    command = [sys.executable, str(BENCHMARKS / script), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_landmark_tracker(photo: np.ndarray, tmp_path: Path) -> None:
    """On a clip of its own: a rendered one takes long."""
    clip = tmp_path / "clip.mp4"
    with VideoWriter(clip, 25) as writer:
        writer.write(photo, 3)
    lines = printed("landmark_tracker.py", f"clip={clip}", "frames=3", "rounds=1", "size=320x320")
    assert "320x320, 6 frames" in lines
    assert "blendshape network" in lines


def test_an_unknown_option_is_named() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "solvers.py"), "batches=3"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "batches=3" in done.stderr
    assert "batch=16" in done.stderr
