"""Submissions to public benchmarks, complete or absent: NeRSemble's single-view reconstruction, and the NoW challenge.

Both align meshes to their scans by the seven NoW landmarks, so any pose will do; we write metres, as FLAME does.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from trimesh.exchange.ply import export_ply

from shared.evaluate.faces import FaceMesh
from shared.export.mesh_files import as_trimesh
from shared.runs.files import PARTIAL, storage_error, write_atomically

TASKS = ("posed", "neutral")
_KEY = re.compile(r"(\d+)/(.+)_(\d+)_(\w+)")
_DAY_ZERO = (1980, 1, 1, 0, 0, 0)  # equal meshes give an equal archive


class SubmissionError(ValueError):
    """A submission that the benchmark would refuse; nothing was written."""


class SvfrKey(NamedTuple):
    """One picture of NeRSemble's single-view reconstruction benchmark (SVFR)."""

    participant: int
    sequence: str
    timestep: int
    serial: str

    @staticmethod
    def parse(text: str) -> SvfrKey:
        """From "017/EMO-1-shout+laugh_156_221501007", as folders are named; SubmissionError if it is none."""
        found = _KEY.fullmatch(text)
        if not found:
            raise SubmissionError(f"{text!r} is not PARTICIPANT/SEQUENCE_TIMESTEP_SERIAL")
        return SvfrKey(int(found[1]), found[2], int(found[3]), found[4])

    @property
    def folder(self) -> str:
        """Where the archive has this picture's meshes."""
        return f"{self.participant:03d}/{self.sequence}_{self.timestep:03d}_{self.serial}"


def svfr_keys(pictures: Path) -> list[SvfrKey]:
    """The pictures of a folder as the benchmark's downloader leaves it, sorted; SubmissionError if none."""
    found = sorted(SvfrKey.parse(f"{p.parent.parent.name}/{p.parent.name}") for p in pictures.glob("*/*/rgb.png"))
    if not found:
        raise SubmissionError(f"no PARTICIPANT/SEQUENCE_TIMESTEP_SERIAL/rgb.png in {pictures}")
    return found


def write_svfr(
    path: Path, meshes: Iterable[tuple[SvfrKey, Mapping[str, FaceMesh]]], expected: Collection[SvfrKey] | None = None
) -> Path:
    """Write the zip for NeRSemble's single-view benchmark, one mesh in memory at a time.

    Args:
        path: the .zip; an older one is replaced at the end.
        meshes: for every picture its mesh for each task, "posed" (as pictured), "neutral", or both; all the same ones.
        expected: the pictures that must be there, such as `svfr_keys`; the server takes only all 391.

    Raises:
        SubmissionError: no picture, one twice, unknown or missing, other tasks than before, or a mesh that
            `FaceMesh.checked` refuses.
        StorageError: the file cannot be written.

    Source: the layout that the reader of nersemble-benchmark 0.2 expects.
    """
    if path.suffix != ".zip":
        raise SubmissionError(f"the server takes a .zip, not {path.name}")

    def fill(partial: Path) -> None:
        with zipfile.ZipFile(partial, "w") as archive:
            done, tasks = _Progress(expected), None
            for key, by_task in meshes:
                done.add(key, key.folder)
                tasks = tasks or set(by_task)
                if set(by_task) != tasks or not tasks or not tasks <= set(TASKS):
                    raise SubmissionError(
                        f"{key.folder}: tasks {sorted(by_task)}; each picture needs the same of {TASKS}"
                    )
                for task in sorted(tasks):
                    ply, landmarks = _encoded(by_task[task], f"{key.folder}, {task}")
                    _add(archive, f"{key.folder}/mesh_{task}.ply", ply)
                    _add(archive, f"{key.folder}/landmarks_{task}.npy", landmarks)
            done.finish()

    return write_atomically(path, fill)


def write_now(folder: Path, meshes: Iterable[tuple[str, FaceMesh]], expected: Collection[str] | None = None) -> Path:
    """Write the folder for the NoW challenge: SUBJECT/CHALLENGE/PICTURE.ply and .npy (7, 3) landmarks.

    Args:
        folder: must not exist yet; it appears when all is written.
        meshes: each picture as in the challenge's lists, "SUBJECT/CHALLENGE/PICTURE.jpg", with its neutral mesh.
        expected: the lines of such a list; all must be there.

    Raises:
        SubmissionError, StorageError: as in `write_svfr`; also if the folder exists or a picture has another name.

    Source: how the public now_evaluation code looks for files.
    """
    if folder.exists():
        raise SubmissionError(f"{folder} exists; choose another folder or remove it")
    partial = folder.with_name(f".{folder.name}{PARTIAL}{os.getpid()}")
    wanted = None if expected is None else {_now_picture(line) for line in expected}
    try:
        partial.mkdir(parents=True)
        done = _Progress(wanted)
        for name, mesh in meshes:
            picture = _now_picture(name)
            done.add(picture, name)
            ply, landmarks = _encoded(mesh, name)
            target = partial / picture
            target.parent.mkdir(parents=True, exist_ok=True)
            target.with_suffix(".ply").write_bytes(ply)
            target.with_suffix(".npy").write_bytes(landmarks)
        done.finish()
        os.replace(partial, folder)
    except OSError as error:
        raise storage_error(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _now_picture(name: str) -> PurePosixPath:
    """The last three parts, which are all that now_evaluation reads; it cuts four characters off the file's name."""
    parts = PurePosixPath(name.strip()).parts[-3:]
    if len(parts) < 3 or ".." in parts or "/" in parts or len(PurePosixPath(parts[2]).suffix) != 4:
        raise SubmissionError(f"{name!r} is not SUBJECT/CHALLENGE/PICTURE.jpg")
    return PurePosixPath(*parts)


class _Progress:
    """Which keys came, and which must."""

    def __init__(self, expected: Collection[object] | None) -> None:
        self.expected = None if expected is None else set(expected)
        self.seen: set[object] = set()

    def add(self, key: object, name: str) -> None:
        if key in self.seen:
            raise SubmissionError(f"{name} comes twice")
        if self.expected is not None and key not in self.expected:
            raise SubmissionError(f"{name} is not in the benchmark")
        self.seen.add(key)

    def finish(self) -> None:
        if not self.seen:
            raise SubmissionError("a submission needs at least one mesh")
        missing = sorted(map(str, (self.expected or set()) - self.seen))
        if missing:
            raise SubmissionError(f"{len(missing)} pictures have no mesh: {', '.join(missing[:3])}...")


def _encoded(mesh: FaceMesh, name: str) -> tuple[bytes, bytes]:
    """A mesh as binary PLY and its landmarks as .npy. SubmissionError where the mesh is refused."""
    try:
        checked = mesh.checked(name)
    except ValueError as error:
        raise SubmissionError(str(error)) from error
    landmarks = io.BytesIO()
    np.save(landmarks, checked.landmarks_m.numpy().astype(np.float32))
    return export_ply(as_trimesh(checked.verts_m, checked.faces), vertex_normal=False), landmarks.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _DAY_ZERO), data, zipfile.ZIP_DEFLATED)
