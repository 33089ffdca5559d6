"""The commands as a user types them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from PIL import Image
from skimage.data import astronaut

from shared.export.npz import read_params
from shared.runs.errors import UserError
from teacher import fit

ROOT = Path(__file__).parents[2]


def command(
    entry: str, *arguments: str, launcher: tuple[str, ...] = (sys.executable,)
) -> subprocess.CompletedProcess[str]:
    path = str(ROOT / "teacher" / entry)
    return subprocess.run([*launcher, path, *arguments], capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "it's a face.jpg"
    Image.fromarray(astronaut()).save(path)
    return path


@pytest.mark.slow
def test_one_picture(photo: Path, tmp_path: Path) -> None:
    done = command("fit.py", f"input={photo}", f"out={tmp_path}", "morph_targets=true")
    assert done.returncode == 0, done.stderr
    assert {"overlay.png", "head.ply", "head.obj", "head.glb", "params.npz"} == {p.name for p in tmp_path.iterdir()}
    assert all(str(tmp_path / path.name) in done.stdout for path in tmp_path.iterdir())
    with Image.open(tmp_path / "overlay.png") as overlay:
        assert overlay.size == (512, 512)
        assert np.abs(np.asarray(overlay).astype(int) - astronaut()).mean() > 1
    params, camera = read_params(tmp_path / "params.npz")
    assert params.shape.ndim == 1
    assert camera.size == (512, 512)
    mesh = trimesh.load(tmp_path / "head.ply", process=False)
    # The mesh is where the camera sees the face: it looks along -z, y up.
    face_px = camera.project(camera.T_cam_world.new_tensor(mesh.vertices.mean(0))[None])[0]
    assert 150 < face_px[0] < 300
    assert 40 < face_px[1] < 220


@pytest.mark.slow
def test_one_clip(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (512, 512))
    for shift in (0, 10, None, 20):
        image = np.zeros_like(astronaut()) if shift is None else np.roll(astronaut(), shift, 1)
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()
    done = command("fit.py", f"input={tmp_path / 'clip.mp4'}", f"out={tmp_path / 'out'}", "meshes=true")
    assert done.returncode == 0, done.stderr
    params, camera = read_params(tmp_path / "out" / "params.npz")
    assert params.jaw.shape == (3, 3)
    assert camera.focal_px.shape == (3, 2)
    with np.load(tmp_path / "out" / "params.npz", allow_pickle=False) as arrays:
        assert arrays["frame"].tolist() == [0, 1, 3]
    assert sorted(p.name for p in (tmp_path / "out" / "meshes").iterdir()) == ["000000.ply", "000001.ply", "000003.ply"]
    overlay = cv2.VideoCapture(str(tmp_path / "out" / "overlay.mp4"))
    assert int(overlay.get(cv2.CAP_PROP_FRAME_COUNT)) == 4


@pytest.mark.slow
def test_what_cannot_be_fitted_is_one_clear_line(tmp_path: Path) -> None:
    Image.new("RGB", (100, 100)).save(tmp_path / "black.png")
    done = command("fit.py", f"input={tmp_path / 'black.png'}", f"out={tmp_path / 'out'}")
    assert done.returncode == 1
    assert "no face was found" in done.stderr
    assert "Traceback" not in done.stderr
    for argument, words in (
        (f"input={tmp_path / 'gone.png'}", "no such photo"),
        (f"input={tmp_path}", r"is a folder: use teacher/fit_dataset\.py"),
    ):
        with pytest.raises(UserError, match=words):
            fit.main([argument, f"out={tmp_path / 'out'}"])


def test_usage_and_option_errors() -> None:
    for entry in ("fit.py", "fit_dataset.py", "demo.py"):
        bare = command(entry)
        assert bare.returncode == 0
        assert "Example:" in bare.stdout
        assert "out=(required)" in bare.stdout
        assert bare.stderr == ""
    missing = command("fit.py", "out=x")
    assert missing.returncode == 2
    assert missing.stderr.rstrip().endswith("missing: input=")
    wrong = command("fit_dataset.py", "inputs=a", "out=b", "shardsize=3")
    assert wrong.returncode == 2
    assert "did you mean shard_size?" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.slow
def test_accelerate_shows_the_usage_without_a_traceback() -> None:
    launcher = (str(Path(sys.executable).with_name("accelerate")), "launch")
    done = command("fit_dataset.py", launcher=launcher)
    assert done.returncode == 0
    assert "Example:" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
