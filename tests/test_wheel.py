"""The wheel holds all that both modes need, and nothing else: it works where there is no checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("pixel3dmm_distill", "shared", "teacher", "student")
COMMANDS = ("evaluate", "fit", "fit-dataset", "fit-views", "infer", "train-student")
BOTH_MODES = """
import sys
from pathlib import Path

from skimage import data
import pixel3dmm_distill, shared, student, teacher
from pixel3dmm_distill import HeadResult, Student, Teacher
from shared.config.loading import load_config
from teacher.config import FitDatasetConfig

for package in (pixel3dmm_distill, shared, student, teacher):
    assert Path(package.__file__).is_relative_to(sys.argv[1]), package.__file__
picture = data.astronaut()
for heads in (Teacher.from_pretrained(prior="none").fit(picture), Student.from_pretrained("nano").infer(picture)):
    (head,) = heads
    assert isinstance(head, HeadResult) and head.verts_m.shape == (5351, 3) and head.verts_m.isfinite().all()
assert load_config(FitDatasetConfig, ["configs/teacher/fit_dataset.yaml", "inputs=a", "out=b"])
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        int(metadata.version("setuptools").split(".")[0]) < 77, reason="builds need setuptools 77: make install"
    ),
]


def pip(*words: str | Path) -> None:
    """Run pip without a registry."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--no-deps", "--no-index"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools would put into it what an earlier build left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in (*PACKAGES, "configs", "tests"):
        shutil.copytree(ROOT / name, folder / "checkout" / name, symlinks=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "checkout" / name)
    pip("wheel", folder / "checkout", "--no-build-isolation", "--wheel-dir", folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    pip("install", wheel, "--target", wheel.parent / "installed")
    return wheel.parent / "installed"


def run(words: list[str], installed: Path, folder: Path) -> str:
    """What a command prints that finds our packages in ``installed`` alone, started in an empty folder."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_holds_every_file_of_the_packages_and_no_other(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    sources = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    kept = {path.relative_to(ROOT).as_posix() for path in sources if "__pycache__" not in path.parts}
    configs = {f"pixel3dmm_distill/{path.relative_to(ROOT).as_posix()}" for path in ROOT.glob("configs/*/*.yaml")}
    assert configs
    assert names == kept | configs


def test_both_modes_work(installed: Path, tmp_path: Path) -> None:
    run([sys.executable, "-c", BOTH_MODES, str(installed)], installed, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_start(command: str, installed: Path, tmp_path: Path) -> None:
    assert "Example:" in run([str(installed / "bin" / f"pixel3dmm-{command}"), "help"], installed, tmp_path)


def test_every_command_is_tested(installed: Path) -> None:
    assert {path.name for path in (installed / "bin").iterdir()} == {f"pixel3dmm-{command}" for command in COMMANDS}
