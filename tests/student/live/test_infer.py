"""The command as a user types it, and the networks that follow a face."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from shared.landmarker.search import FaceLandmarker
from shared.landmarker.tracker import LandmarkTracker
from shared.runs.errors import UserError
from student.config import StudentNetworkConfig
from student.infer import main
from student.network.model import HeadLayout, StudentNetwork
from student.network.weights import save_student
from tests.student.heads import open_head

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained: the mean head where the landmarks are."""
    layout = HeadLayout.of(open_head(), 2e-3)
    network = StudentNetwork(StudentNetworkConfig(backbone="none", width=16), layout, None)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    return save_student(path, network, open_head().assets.head_id, {})


def infer(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "student" / "infer.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def write_clip(path: Path, codec: str = "mp4v", frames: int = 6) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 25, (512, 512))
    for shift in range(frames):
        writer.write(cv2.cvtColor(np.roll(astronaut(), 2 * shift, 1), cv2.COLOR_RGB2BGR))
    writer.release()
    return path


@pytest.mark.slow
def test_a_folder_with_good_and_bad_inputs_twice(tmp_path: Path, checkpoint: Path) -> None:
    inputs, out = tmp_path / "inputs", tmp_path / "out"
    inputs.mkdir()
    Image.fromarray(astronaut()).save(inputs / "face.jpg")
    Image.new("RGB", (64, 64)).save(inputs / "black.png")
    (inputs / "empty.mp4").write_bytes(b"")
    write_clip(inputs / "clip.mp4")
    data = bytearray(write_clip(inputs / "damaged.avi", "MJPG", 12).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    (inputs / "damaged.avi").write_bytes(data)
    command = (f"input={inputs}", f"out={out}", f"checkpoint={checkpoint}")
    done = infer(*command)
    assert done.returncode == 0, done.stderr
    report = json.loads((out / "report.json").read_text())
    states = {one["id"]: one["state"] for one in report["inputs"]}
    assert states["face.jpg"] == states["clip.mp4"] == "done"
    assert states["black.png"] == "no face"
    assert states["empty.mp4"] == "failed"
    assert states["damaged.avi"] in ("done", "partial")
    assert "empty file" in next(one["reason"] for one in report["inputs"] if one["id"] == "empty.mp4")
    photo = {path.name for path in (out / "face.jpg").iterdir()}
    assert photo == {"overlay.png", "head.ply", "head.obj", "head.glb", "params.npz", "result.json"}
    with np.load(out / "clip.mp4" / "params.npz") as arrays:
        assert arrays["tracked"].all()
        assert len(arrays["frame"]) == 6
    with np.load(out / "damaged.avi" / "params.npz") as arrays:
        assert len(arrays["frame"]) >= 10
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.name != "report.json"}
    assert infer(*command).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.slow
def test_errors_are_one_clear_line(tmp_path: Path, checkpoint: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    out = f"out={tmp_path / 'out'}"
    done = infer(f"input={tmp_path / 'black.png'}", f"checkpoint={checkpoint}", out)
    assert done.returncode == 1
    assert "no face was found" in done.stderr
    assert "Traceback" not in done.stderr
    for arguments, words in (
        ((f"input={tmp_path / 'gone.mp4'}", f"checkpoint={checkpoint}"), "no such photo"),
        (("input=99", f"checkpoint={checkpoint}"), "camera 99 cannot be opened"),
        ((f"input={tmp_path / 'black.png'}", "checkpoint=gone"), "checkpoint=gone is not there"),
    ):
        with pytest.raises(UserError, match=words):
            main([*arguments, out])


def test_the_usage_appears_without_arguments() -> None:
    done = infer()
    assert done.returncode == 0
    assert "out=(required)" in done.stdout
    assert "filters.rotation" in done.stdout


def test_landmarks_follow_a_face_as_the_detector_finds_it() -> None:
    image = astronaut()
    with FaceLandmarker() as detector, LandmarkTracker() as tracker:
        (face,) = detector.detect(image)
        moved = np.roll(image, (6, 9), (0, 1))
        followed, again = tracker.track(moved, face.landmarks_px), tracker.glance(moved)
        assert followed is not None
        np.testing.assert_allclose(followed.landmarks_px, face.landmarks_px + np.array([9, 6]), atol=2.5)
        np.testing.assert_allclose(again[0].landmarks_px, face.landmarks_px + np.array([9, 6]), atol=2.5)
        assert tracker.track(moved, face.landmarks_px + np.array([-140, 250])) is None
        assert tracker.glance(np.zeros_like(image)) == []


def test_no_window_without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    from student.live.window import Window

    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(cv2, "namedWindow", no_window)
    with pytest.raises(UserError, match="window=true"):
        Window()


def no_window(*_: object) -> None:
    raise cv2.error("The function is not implemented. Rebuild the library with Windows, GTK+ 2.x or Cocoa support")


def test_torch_is_not_needed_for_the_usage() -> None:
    code = "import sys; sys.argv = ['x']; import student.infer; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.stdout.strip() == "False", done.stderr
