"""What the README asks people to type works as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from skimage import data

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
TRUTH = "Pictures with truth, and the benchmark"
PRIORS = "Normals, UV and points per pixel"
LIVE = "Live"


def section(title: str) -> str:
    return README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def commands(title: str) -> list[str]:
    """The shell lines of a section, without their comments."""
    block = re.search(r"```\n(.*?)```", section(title), re.DOTALL)
    assert block
    return [re.sub(r"\s+#.*", "", line) for line in block.group(1).splitlines() if line]


def run(command: str, folder: Path) -> Path:
    """Run a line of the README in ``folder``; what its option out= names."""
    words = [
        str(ROOT / word) if word.startswith(("teacher/", "student/", "configs/")) else word
        for word in shlex.split(command)
    ]
    start = ["-m", "accelerate.commands.launch", *words[2:]] if words[0] == "accelerate" else words[1:]
    done = subprocess.run([sys.executable, *start], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / next(word for word in words if word.startswith("out=")).removeprefix("out=")


def make_inputs(folder: Path) -> Path:
    """face.jpg, clip.mp4, DIR and photos_of_one_person, the names that the README uses."""
    picture = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    for name in ("DIR", "photos_of_one_person"):
        (folder / name).mkdir()
    of_one_person = ("photos_of_one_person/one.jpg", "photos_of_one_person/two.jpg")
    for name in ("face.jpg", "DIR/one.jpg", "DIR/two.png", *of_one_person):
        assert cv2.imwrite(str(folder / name), picture)
    clip = cv2.VideoWriter(str(folder / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (512, 512))
    for shift in range(3):
        clip.write(cv2.copyMakeBorder(picture, 0, 0, shift, 0, cv2.BORDER_REPLICATE)[:, :512])
    clip.release()
    return folder


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    return make_inputs(tmp_path)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with the labels of the README's command for datasets."""
    folder = make_inputs(tmp_path_factory.mktemp("labelled"))
    run(commands("Use it")[3], folder)
    return folder


def test_there_are_commands_to_test() -> None:
    assert len(commands("Use it")) == 4
    assert len(commands(TRUTH)) == 2
    assert len(commands(PRIORS)) == 3
    assert len(commands(LIVE)) == 3
    assert len(commands("Train the student")) == 2


@pytest.mark.slow
@pytest.mark.parametrize("command", commands("Use it")[:3])
def test_command(command: str, inputs: Path) -> None:
    assert list(run(command, inputs).rglob("*.npz"))


@pytest.mark.slow
def test_command_of_the_labels(labelled: Path) -> None:
    assert list((labelled / "runs" / "labels").rglob("*.safetensors"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "fewer", "result"),
    zip(
        commands(TRUTH),
        (("count=1000", "count=2"), ("set=", "first=2 set=")),
        ("contact_sheet.jpg", "report.html"),
        strict=True,
    ),
)
def test_command_with_truth(command: str, fewer: tuple[str, str], result: str, tmp_path: Path) -> None:
    """With fewer pictures than the README asks for."""
    assert fewer[0] in command
    assert (run(command.replace(*fewer), tmp_path) / result).is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "fewer", "result"),
    zip(
        commands(PRIORS),
        (
            "",
            "first=2",
            "steps=2 minutes=null validation=0 batch_size=4 data.portraits=[] data.rendered=8 compact.size=64",
        ),
        ("contact_sheet.jpg", "results.json", "weights.safetensors"),
        strict=True,
    ),
)
def test_command_of_the_priors(command: str, fewer: str, result: str, inputs: Path) -> None:
    """With less work than the README asks for."""
    assert (run(f"{command} {fewer}", inputs) / result).is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "results"),
    zip(commands(LIVE), (("params.npz", "overlay.mp4"), ("params.npz",), ("student.onnx",)), strict=True),
)
def test_command_of_the_student(command: str, results: tuple[str, ...], inputs: Path) -> None:
    out = run(command, inputs)
    assert all((out / name).is_file() for name in results)


@pytest.mark.slow
def test_training_of_the_student(labelled: Path) -> None:
    """On the labels of the README's own command, and on few portraits for two steps."""
    portraits = "python -m shared.synthetic out=runs/portraits count=4 size=96 seed=0 landmarks=true"
    run(portraits, labelled)
    few = "steps=2 minutes=null validation=0 data.held=0 batch_size=4"
    nano, base = commands("Train the student")
    for command in (f"{nano} {few} data.drawn=8", f"{base} {few}"):
        assert (run(command, labelled) / "weights.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("title", ["Use it", LIVE])
def test_python_lines(title: str, inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(inputs)
    block = re.search(r"```python\n(.*?)```", section(title), re.DOTALL)
    assert block
    names: dict[str, object] = {}
    exec(block.group(1), names)
    assert names["head"].verts_m.shape == (5351, 3)  # type: ignore[attr-defined]


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    for script in re.findall(r"`((?:benchmarks|teacher|student|shared)/[\w./]+)`", README):
        assert (ROOT / script).exists(), script
