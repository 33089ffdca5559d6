"""The heads of a stream on their way to ``params.npz``: in a file, so that memory does not grow with the stream."""

from __future__ import annotations

import tempfile
from dataclasses import fields
from pathlib import Path
from typing import IO

import numpy as np
import torch

from shared.export.npz import write_params
from shared.flame.params import FlameParams
from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.runs.files import storage_error
from student.live.stream import LiveHead

_PARAMS = tuple(field.name for field in fields(FlameParams))


class HeadRows:
    """One row for each frame. Use as a context."""

    def __init__(self, folder: Path) -> None:
        """The heads wait in a nameless file in ``folder``. StorageError if there can be none."""
        self.frames: list[int] = []
        self.times_s: list[float] = []
        self.heads: list[int] = []  # row of the head of each frame; a frame without one has that of the last
        self.tracked: list[bool] = []
        self.follows: list[bool] = []
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._stored = 0
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed at the end of the context
        except OSError as error:
            raise storage_error(folder, error) from error

    def __enter__(self) -> HeadRows:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def found(self) -> int:
        """Frames with a head."""
        return self._stored

    def add(self, index: int, time_s: float, head: LiveHead | None) -> None:
        """The next frame. StorageError if the disk is full."""
        self.frames.append(index)
        self.times_s.append(time_s)
        self.tracked.append(head is not None)
        self.follows.append(head is not None and head.follows)
        if head is not None:
            arrays = {name: getattr(head.params, name)[0].numpy() for name in _PARAMS}
            arrays["mesh_landmarks_px"] = head.mesh_landmarks_px
            arrays["detected_landmarks_px"] = head.detected_landmarks_px
            arrays["presence"] = np.float32(head.presence).reshape(())
            arrays["blendshapes"] = head.blendshapes
            arrays["landmark_error"] = np.float32(head.landmark_error).reshape(())
            self._shapes = {name: array.shape for name, array in arrays.items()}
            row = np.concatenate([array.reshape(-1) for array in arrays.values()], dtype=np.float32)
            try:
                self._file.write(row.data)
            except OSError as error:
                raise storage_error(self._folder, error) from error
            self._stored += 1
        self.heads.append(max(self._stored - 1, 0))  # before the first, the first

    def write(self, path: Path, camera: Camera, assets: FlameAssets) -> Path:
        """Write ``params.npz`` with rows (T) of frames; ``camera`` (1) is that of all. ValueError without any head."""
        arrays = self._read()
        which = np.array(self.heads)
        params = FlameParams(**{name: torch.from_numpy(arrays.pop(name)[which]) for name in _PARAMS})
        rows = torch.zeros(len(which), dtype=torch.long)
        extra = {name: array[which] for name, array in arrays.items()} | {
            "head": np.array(assets.name),
            "head_id": np.array(assets.head_id),
            "frame": np.array(self.frames, np.int64),
            "time_s": np.array(self.times_s),
            "tracked": np.array(self.tracked),
            "follows": np.array(self.follows),
        }
        return write_params(path, params, camera[rows], extra)

    def median_error(self) -> float | None:
        """Landmark error to MediaPipe's points, where it was asked; None if it never was."""
        errors = self._read()["landmark_error"] if self._stored else np.zeros(0)
        seen = errors[np.isfinite(errors)]
        return float(np.median(seen)) if len(seen) else None

    def _read(self) -> dict[str, np.ndarray]:
        """(N, ...) of the predicted heads."""
        if not self._stored:
            raise ValueError("no frame has a head")
        self._file.seek(0)
        table = np.frombuffer(self._file.read(), np.float32).reshape(self._stored, -1)
        self._file.seek(0, 2)
        ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes.values()])[:-1]
        parts = zip(self._shapes.items(), np.split(table, ends, 1), strict=True)
        return {name: part.reshape(-1, *shape) for (name, shape), part in parts}
