"""The rules of the tree: who may import whom, how long a file may be, and what no file may contain."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("shared", "teacher", "student")
FORBIDDEN = {
    "shared": {"teacher", "student", "tests"},
    "teacher": {"student", "tests"},
    "student": {"teacher", "tests"},
}
MAX_LINES = 400
# Paths of a machine, and hosts that are not a place a reader can go to.
MACHINE_PATH = re.compile(r"""(?<![\w.])/(?:tmp|work|root|home|mnt|Users)/""")
HOST = re.compile(r"https?://([\w.-]+)|\b(?:localhost|\d{1,3}(?:\.\d{1,3}){3})(?::\d+)\b")
PUBLIC_HOSTS = {
    "arxiv.org",
    "github.com",
    "doi.org",
    "flame.is.tue.mpg.de",
    "www.apache.org",
    "creativecommons.org",
    "git-lfs",
}


def _tracked() -> list[Path]:
    """Files of the repository: those git knows, or all of them in a copy without git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    skipped = {".venv", "runs", "build", "dist", "__pycache__"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.relative_to(ROOT).parts)]


def _modules() -> list[Path]:
    return [path for path in _tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES]


def _imports(path: Path) -> Iterator[str]:
    """Full names of all modules a file imports, at its top or inside functions."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _entries() -> set[str]:
    """Modules that run something when started as a script."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in _modules()
        if any(
            isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
            for node in ast.parse(path.read_text()).body
        )
    }


def test_the_tree_is_there() -> None:
    """The other tests here would pass on an empty list."""
    modules = {str(path.relative_to(ROOT)) for path in _modules()}
    assert {"shared/records/tensor_record.py", "shared/flame/assets.py", "teacher/fitting/fitter.py"} <= modules
    assert "shared.flame.schema" in set(_imports(ROOT / "shared" / "flame" / "assets.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_layers(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _modules()
        if path.relative_to(ROOT).parts[0] == package
        for name in _imports(path)
        if name.split(".")[0] in FORBIDDEN[package]
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_imports_an_entry_script() -> None:
    entries = _entries()
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}" for path in _modules() for name in _imports(path) if name in entries
    ]
    assert not wrong, "\n".join(wrong)


def test_no_module_hides_one_of_the_standard_library() -> None:
    """`accelerate launch teacher/x.py` puts teacher/ first on sys.path."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in _modules()
        if path.parent in (ROOT / "teacher", ROOT / "student") and path.stem in sys.stdlib_module_names
    ]
    assert not wrong, "rename: " + ", ".join(wrong)


def test_files_are_short() -> None:
    long = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in _tracked() if path.suffix == ".py"}
    wrong = [f"{name}: {lines} lines" for name, lines in long.items() if lines > MAX_LINES]
    assert not wrong, "\n".join(wrong)


def _texts() -> Iterator[tuple[Path, int, str]]:
    for path in _tracked():
        if path.relative_to(ROOT).parts[0] == "tests" or path.name == "LICENSE":
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # weights and pictures
        for number, line in enumerate(text.splitlines(), 1):
            yield path.relative_to(ROOT), number, line


def test_no_machine_paths() -> None:
    wrong = [f"{path}:{number}: {line.strip()[:90]}" for path, number, line in _texts() if MACHINE_PATH.search(line)]
    assert not wrong, "\n".join(wrong)


def test_no_network_hosts() -> None:
    wrong = [
        f"{path}:{number}: {match.group(0)}"
        for path, number, line in _texts()
        for match in HOST.finditer(line)
        if match.group(1) not in PUBLIC_HOSTS
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "line", ['open("/tmp/x")', "path = '/work/main'", "see http://mirror.local/simple", "1.2.3.4:80"]
)
def test_the_patterns_bite(line: str) -> None:
    host = HOST.search(line)
    assert MACHINE_PATH.search(line) or (host and host.group(1) not in PUBLIC_HOSTS)


def test_there_is_one_opencv() -> None:
    """Two flavours own the same folder cv2/ and overwrite each other's files."""
    from importlib import metadata

    installed = {one.metadata["Name"].lower() for one in metadata.distributions()}
    assert {name for name in installed if name.startswith("opencv")} == {"opencv-python-headless"}


def test_data_files_are_in_the_wheel() -> None:
    """setuptools leaves out whatever package-data does not name, and an editable install does not show it."""
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 and later read TOML")
    globs = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    shipped = {path for package, patterns in globs.items() for glob in patterns for path in (ROOT / package).glob(glob)}
    data = {path for path in _tracked() if path.relative_to(ROOT).parts[0] in PACKAGES and path.suffix != ".py"}
    assert data, "no data files at all"
    assert not data - shipped, f"not in package-data: {sorted(str(path.relative_to(ROOT)) for path in data - shipped)}"


def test_importing_has_no_side_effects() -> None:
    """No threads changed, no seed set, no CUDA touched, nothing written by importing the core."""
    code = (
        "import torch; state, threads = torch.random.get_rng_state(), torch.get_num_threads()\n"
        "import shared.flame.assets, shared.flame.model, shared.geometry.crop\n"
        "assert torch.equal(state, torch.random.get_rng_state()) and threads == torch.get_num_threads()\n"
        "assert not torch.cuda.is_initialized()\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
