"""Heads of real people, or of a model of them: pictures with true points of skin, laid out as in docs/benchmark.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.faces import NOW_MEDIAPIPE, TrueFace
from shared.evaluate.groups import YAW, Dimension, named
from shared.evaluate.truth_set import BenchmarkItem, TrueHead, TrueLandmarks, TruthSet, eye_distance_px
from shared.flame.assets import load_flame
from shared.geometry.camera import Camera
from shared.images.stored import StoredPictureError, read_stored_photo
from shared.runs.errors import UserError

Part = Literal["calibrate", "judge", "all"]
PEOPLE, PICTURES, TRUTH, SPLIT = "people", "pictures.json", "truth.npz", "split.json"
NEUTRAL = "neutral"  # expression of state 0
# The 40 people of ICT-FaceKit with whom the project's figures are made: nothing is chosen on the judging part.
_OURS = {f"person_{number}": "calibrate" if number < 128 else "judge" for number in range(100, 140)}
_OUTER_CORNERS = (0, 3)  # of the NoW landmarks
_OPEN_PEOPLE = 2  # whose truth is kept in memory

DIMENSIONS = (
    Dimension("state", ("neutral", "expression"), lambda facts: facts["kind"]),
    YAW,
    named("expression", "expression"),
)


@dataclass(frozen=True)
class PictureRef:
    """One picture of the folder."""

    person: str  # name of the folder
    stem: str  # "STATE_VIEW"
    state: int
    facts: Mapping[str, Any]


def real_heads(root: Path, part: Part = "judge", expressions: Sequence[str] = ()) -> TruthSet:
    """The pictures of a folder.

    Args:
        root: holds ``people/``.
        part: of the people; see `people_of`.
        expressions: names of those whose pictures are taken; all if empty.

    Raises:
        UserError: the folder is not of the format, or nothing is left.
    """
    people = people_of(root, part)
    refs = [ref for person in people for ref in _pictures(root / PEOPLE / person)]
    names = sorted({ref.facts["expression"] for ref in refs})
    if unknown := set(expressions) - set(names):
        raise UserError(f"expressions={sorted(unknown)}: none in {root}; there are {', '.join(names)}")
    refs = [ref for ref in refs if not expressions or ref.facts["expression"] in expressions]
    truth = lru_cache(_OPEN_PEOPLE)(lambda person: _read_truth(root / PEOPLE / person / TRUTH))

    def item(index: int) -> BenchmarkItem:
        return _item(root / PEOPLE, refs[index], truth)

    ids = tuple(f"{ref.person}/{ref.stem}" for ref in refs)
    listed = b"".join((root / PEOPLE / person / PICTURES).read_bytes() for person in people)
    listing = hashlib.sha256("\n".join(ids).encode() + listed).hexdigest()[:12]
    return TruthSet(f"real-heads-{part}-{listing}", ids, item, DIMENSIONS, load_flame(), of_samples=False)


def people_of(root: Path, part: Part) -> list[str]:
    """Names of the people of one part of a folder, sorted.

    ``split.json`` says who belongs where: ``{"calibrate": [names], "judge": [names]}``. Without it the project's own
    forty people are split as they always are, and those of any other folder are in both parts.

    Raises:
        UserError: no people, a file that cannot be used, or a part without people.
    """
    there = sorted(path.parent.name for path in (root / PEOPLE).glob(f"*/{PICTURES}"))
    if not there:
        raise UserError(
            f"path={root}: no {PEOPLE}/NAME/{PICTURES} in it; docs/benchmark.md says what such a folder holds"
        )
    if part == "all":
        return there
    if (root / SPLIT).exists():
        split = _json(root / SPLIT)
        wanted = split.get(part) if isinstance(split, dict) else None
        if not isinstance(wanted, list):
            raise UserError(f'{root / SPLIT} needs a list "{part}" of names of people')
    else:
        wanted = [name for name in there if _OURS.get(name) == part] if set(there) <= set(_OURS) else there
    chosen = [name for name in there if name in wanted]
    if not chosen:
        raise UserError(f"part={part}: none of the {len(there)} people in {root} belong to it")
    return chosen


def _pictures(folder: Path) -> list[PictureRef]:
    path = folder / PICTURES
    listed = _json(path)
    found = []
    try:
        for one in listed:
            state, expression = int(one["state"]), str(one["expression"])
            facts = {
                "person": folder.name,
                "kind": "neutral" if expression == NEUTRAL else "expression",
                "expression": expression,
                **{f"{angle}_deg": float(one[angle]) for angle in ("yaw", "pitch", "roll")},
            }
            found.append(PictureRef(folder.name, Path(one["picture"]).stem, state, facts))
    except (KeyError, TypeError, ValueError) as error:
        needs = "picture, state, expression, yaw, pitch and roll"
        raise UserError(f"{path} must be a list of pictures with {needs}: {error!r}") from error
    return found


def _item(people: Path, ref: PictureRef, truth_of: Callable[[str], Mapping[str, np.ndarray]]) -> BenchmarkItem:
    truth, folder = truth_of(ref.person), people / ref.person
    try:
        image = read_stored_photo(folder / f"{ref.stem}.webp")
    except StoredPictureError as error:
        raise ValueError(f"{folder / ref.stem}.webp {error.reason}") from error
    camera = _camera(truth, ref.stem, image.shape[:2])
    posed = _face(truth, ref.state)
    corners = posed.landmarks_m[list(_OUTER_CORNERS)]
    landmarks = TrueLandmarks(NOW_MEDIAPIPE, camera.project(posed.landmarks_m), eye_distance_px(corners, camera))
    neutral = _face(truth, 0) if "0/points_m" in truth else None
    return BenchmarkItem(image, camera, TrueHead(posed, neutral, landmarks), ref.facts)


def _face(truth: Mapping[str, np.ndarray], state: int) -> TrueFace:
    names = ("points_m", "normals", "now7_m", "ibug68_m")
    points, normals, landmarks, ibug68 = (_tensor(truth, f"{state}/{name}") for name in names)
    return TrueFace(points, normals, landmarks, ibug68)


def _camera(truth: Mapping[str, np.ndarray], stem: str, size: tuple[int, ...]) -> Camera:
    K, T_cam_world = _tensor(truth, f"{stem}/K"), _tensor(truth, f"{stem}/T_cam_world")
    return Camera(K[[0, 1], [0, 1]], K[:2, 2], T_cam_world, (size[0], size[1]))


def _tensor(truth: Mapping[str, np.ndarray], name: str) -> Tensor:
    if name not in truth:
        raise ValueError(f"{TRUTH} has no {name}")
    return torch.from_numpy(truth[name].astype(np.float32))


def _read_truth(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return dict(stored)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
