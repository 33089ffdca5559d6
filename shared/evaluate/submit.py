"""A method's meshes for the servers of public benchmarks, from the folders that those benchmarks hand out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from shared.config import EvaluateConfig
from shared.evaluate.faces import FaceMesh
from shared.evaluate.methods import find_method, template_head
from shared.evaluate.photo_judge import picture_of
from shared.evaluate.protocol import Method, Reconstruction, attempt
from shared.evaluate.submission import SubmissionError, SvfrKey, svfr_keys, write_now, write_svfr
from shared.images.decode import InputError, load_image
from shared.images.source import find_photos
from shared.runs.device import one_thread
from shared.runs.errors import UserError


@dataclass
class Outcome:
    """What became of the pictures of a submission."""

    done: int = 0
    replaced: list[str] = field(default_factory=list)  # those for which the mean head stands in, and why


def submit(config: EvaluateConfig) -> list[str]:
    """Write the submission that the options ask for, and say what is in it.

    A server takes only complete submissions: where the method gives nothing of use, the mean head stands in and the
    picture is named.

    Raises:
        UserError: the folder is not laid out as the benchmark's, a picture is damaged, or the method made nothing of
            any.
        StorageError: the submission cannot be written.
    """
    one_thread()
    folder, out, outcome = Path(config.set), Path(config.out), Outcome()
    if not folder.is_dir():
        raise UserError(f"set={config.set}: a submission needs the benchmark's folder of pictures")
    method, know_camera = find_method(config.method, config.flame, config.method_options), config.focal == "known"
    try:
        if config.submission == "nersemble":
            keys = svfr_keys(folder)
            pictures = {key.folder: _svfr_path(folder, key) for key in keys}
            found = _reconstructions(method(), pictures, know_camera, outcome)
            meshes = ((SvfrKey.parse(name), one) for name, one in found)
            written = write_svfr(out / "submission.zip", meshes, keys)
        else:
            pictures = {ref.id: Path(ref.path) for ref in find_photos("set", folder)}
            found = _reconstructions(method(), pictures, know_camera, outcome)
            written = write_now(out / "now", ((name, _neutral(name, one)) for name, one in found), pictures)
    except SubmissionError as error:
        raise UserError(str(error)) from error
    lines = [f"{written}: {outcome.done} pictures"]
    if outcome.replaced:
        lines.append(f"the mean head stands in for {len(outcome.replaced)} of them:")
    return lines + [f"  {name}" for name in outcome.replaced]


def _svfr_path(folder: Path, key: SvfrKey) -> Path:
    """Pictures have the plain number of the timestep, meshes three digits."""
    person = folder / f"{key.participant:03d}"
    names = (f"{key.sequence}_{number}_{key.serial}" for number in (key.timestep, f"{key.timestep:03d}"))
    return next(path for name in names for path in [person / name / "rgb.png"] if path.exists())


def _reconstructions(
    method: Method, pictures: dict[str, Path], know_camera: bool, outcome: Outcome
) -> Iterator[tuple[str, dict[str, FaceMesh]]]:
    """Name and task -> mesh of every picture, those without a reconstruction last."""
    tasks: set[str] = set()
    missing: list[str] = []
    for name, path in tqdm(pictures.items(), unit="picture", dynamic_ncols=True):
        try:
            frame = load_image(path, name)
        except InputError as error:
            raise UserError(f"{error}; a submission needs all pictures of its benchmark") from error
        tried = attempt(method, picture_of(frame, know_camera))
        if tried.found is None:
            missing.append(name)
            outcome.replaced.append(f"{name}: {tried.reason or 'no face found'}")
            continue
        by_task = _by_task(tried.found)
        tasks = tasks or set(by_task)
        outcome.done += 1
        yield name, by_task
    if not tasks:
        raise UserError(f"the method made nothing of any picture: {outcome.replaced[0]}")
    stand_in = {task: mesh for task, mesh in _by_task(template_head()).items() if task in tasks}
    for name in missing:
        outcome.done += 1
        yield name, stand_in


def _by_task(found: Reconstruction) -> dict[str, FaceMesh]:
    return {"posed": found.posed} if found.neutral is None else {"posed": found.posed, "neutral": found.neutral}


def _neutral(name: str, by_task: dict[str, FaceMesh]) -> FaceMesh:
    """What the NoW challenge judges."""
    if "neutral" not in by_task:
        raise SubmissionError(f"{name}: the NoW challenge judges neutral meshes, and the method gives none")
    return by_task["neutral"]
