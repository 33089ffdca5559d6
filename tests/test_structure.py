"""The rules of the tree: who may import whom, how long a file may be, and what no file may contain."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import metadata
from pathlib import Path

import pytest

from shared.plugins.factories import registered

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = "pixel3dmm_distill"  # the names and commands of an installation
PACKAGES = ("shared", "teacher", "student", PUBLIC)
FORBIDDEN = {
    "shared": {"teacher", "student", "tests", PUBLIC},
    "teacher": {"student", "tests", PUBLIC},
    "student": {"teacher", "tests", PUBLIC},
    PUBLIC: {"tests"},
}
MAX_LINES = 400
# Beside entries and the public names a root holds nothing.
MAX_ROOT_FILES = {"shared": 1, "teacher": 16, "student": 7, PUBLIC: 2}
FACTORY = re.compile(r"((?:shared|teacher|student)(?:\.\w+)+):\w+")  # "package.module:factory" in a string
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
    skipped = {".venv", "runs", "build", "dist"}
    files = (path for path in ROOT.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return [path for path in files if path.relative_to(ROOT).parts[0] not in skipped]


def _modules() -> list[Path]:
    return [path for path in _tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES]


def _imports(path: Path) -> Iterator[str]:
    """Full names of all modules a file imports, at its top or inside functions, or names as those of a factory."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and FACTORY.fullmatch(node.value):
            yield node.value.partition(":")[0]


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


@pytest.mark.parametrize("package", PACKAGES)
def test_roots_hold_entries_and_public_names_alone(package: str) -> None:
    files = [path.name for path in (ROOT / package).glob("*.py")]
    assert len(files) <= MAX_ROOT_FILES[package], f"move into a folder: {sorted(files)}"


def _graph() -> dict[str, set[str]]:
    """Each module of ours and those of ours that it imports."""
    names = {_module(path): path for path in _modules()}
    return {name: {one for one in _imports(path) if one in names and one != name} for name, path in names.items()}


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _folders(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same between folders."""
    folder = {_module(path): path.parent.relative_to(ROOT).as_posix() for path in _modules()}
    joined: dict[str, set[str]] = {}
    for name, imported in graph.items():
        joined.setdefault(folder[name], set()).update(folder[one] for one in imported if folder[one] != folder[name])
    return joined


def _circle(graph: dict[str, set[str]]) -> list[str]:
    """Names that import each other in a ring; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_circle_of_imports() -> None:
    """Neither between modules, nor between folders, imports inside functions included."""
    graph = _graph()
    assert not (circle := _circle(graph)), " <- ".join(circle)
    assert not (circle := _circle(_folders(graph))), " <- ".join(circle)


def test_a_circle_would_be_found() -> None:
    assert _circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})


def test_registered_factories_are_there() -> None:
    """Entry points of pyproject.toml are text, which no type checker sees."""
    for group in ("methods", "refiners"):
        known = registered(group)
        assert known, f"no {group}: install the project anew"
        for name, target in known.items():
            module, _, factory = target.partition(":")
            assert callable(getattr(importlib.import_module(module), factory)), f"{group}: {name}"


def test_nothing_imports_an_entry_script() -> None:
    entries = _entries()
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}" for path in _modules() for name in _imports(path) if name in entries
    ]
    assert not wrong, "\n".join(wrong)


def test_no_module_hides_one_that_is_installed() -> None:
    """`accelerate launch teacher/x.py` puts teacher/ first on sys.path."""
    installed = {*sys.stdlib_module_names, *metadata.packages_distributions()} - set(PACKAGES)
    tops = {path.relative_to(ROOT).parts[1] for path in _modules() if path.relative_to(ROOT).parts[0] != "shared"}
    wrong = sorted(name for name in tops if name.removesuffix(".py") in installed)
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
    installed = {one.metadata["Name"].lower() for one in metadata.distributions()}
    assert {name for name in installed if name.startswith("opencv")} == {"opencv-python-headless"}


def test_data_files_are_in_the_wheel() -> None:
    """setuptools leaves out whatever package-data does not name, and an editable install does not show it."""
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 and later read TOML")
    globs = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    shipped = {path for package, patterns in globs.items() for glob in patterns for path in (ROOT / package).glob(glob)}
    data = {path for path in _tracked() if path.relative_to(ROOT).parts[0] in PACKAGES and path.suffix != ".py"}
    assert data, "no data files at all"
    data |= {ROOT / package / "py.typed" for package in PACKAGES}
    data |= {ROOT / PUBLIC / path.relative_to(ROOT) for path in (ROOT / "configs").rglob("*.yaml")}
    assert not data - shipped, f"not in package-data: {sorted(str(path.relative_to(ROOT)) for path in data - shipped)}"


def test_public_names_are_there_and_import_nothing_before() -> None:
    code = (
        "import sys, pixel3dmm_distill as public\n"
        "assert not {'torch', 'numpy', 'shared', 'teacher', 'student'} & set(sys.modules)\n"
        "assert set(public.__all__) <= set(dir(public)) and 'torch' not in sys.modules\n"
        "from pixel3dmm_distill import *\n"
        "assert all(getattr(public, name).__name__ == name for name in public.__all__ if name != '__version__')\n"
        "from pixel3dmm_distill import Student, Teacher\n"
        "assert Teacher.from_pretrained and Student.from_pretrained and __version__ == public.__version__\n"
        "assert not hasattr(public, 'nothing')\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_importing_has_no_side_effects() -> None:
    """No threads changed, no seed set, no CUDA touched, nothing written by importing the core."""
    code = (
        "import torch; state, threads = torch.random.get_rng_state(), torch.get_num_threads()\n"
        "import shared.flame.assets, shared.flame.model, shared.geometry.crop\n"
        "assert torch.equal(state, torch.random.get_rng_state()) and threads == torch.get_num_threads()\n"
        "assert not torch.cuda.is_initialized()\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
