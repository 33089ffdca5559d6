"""Drawing and writing, in a thread of their own: they take longer than the prediction."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.export.mesh_files import write_ply
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.images.decode import Frame
from shared.images.video_writer import VideoWriter
from shared.runs.files import write_atomically
from shared.runs.prefetch import ahead
from student.live.drawing import HeadPainter
from student.live.stages import StageTimes

_WAITING = 8  # frames at most


@dataclass(frozen=True, eq=False)
class Shown:
    """A frame and the head in it; the picture is drawn on."""

    frame: Frame
    params: FlameParams | None  # (1)
    camera: Camera  # (1)


@dataclass(frozen=True)
class OutputPlan:
    """What is made of the frames of a stream."""

    video: Path | None  # where the overlays go
    meshes: Path | None  # folder of the meshes
    window: bool  # keep the last picture, to be shown
    rate_hz: float  # of the video
    timed: bool  # frames may be missing: the video repeats those before; and none is waited for

    @property
    def draws(self) -> bool:
        """Whether heads are drawn at all."""
        return self.window or self.video is not None


class Output:
    """Takes frames; use as a context, whose end waits for all that is written. Errors come out of `put` and there."""

    def __init__(self, plan: OutputPlan, model: FlameModel, painter: HeadPainter, times: StageTimes) -> None:
        self.latest: np.ndarray | None = None  # the last picture drawn, where a window is planned
        self.written = 0  # frames of the video
        self._plan, self._model, self._painter, self._times = plan, model, painter, times
        self._queue: queue.Queue[Shown | None] = queue.Queue(_WAITING)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._busy = plan.draws or plan.meshes is not None

    def __enter__(self) -> Output:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._failure is not None and error[0] is None:
            raise self._failure

    def put(self, one: Shown) -> None:
        """Draw and write a frame, some time. Where frames may be missing, those that come too fast are left out."""
        if self._failure is not None:
            raise self._failure
        if not self._busy:
            return
        with contextlib.suppress(queue.Full):
            self._queue.put(one, block=not self._plan.timed)

    def _run(self) -> None:
        try:
            first = self._queue.get()
            if first is None:
                return
            with ahead(self._pictures(chain([first], iter(self._queue.get, None)))) as pictures:
                if self._plan.video is None:
                    for _ in pictures:
                        pass
                else:
                    write_atomically(self._plan.video, lambda partial: self._write(partial, pictures))
        except BaseException as error:
            self._failure = error
            while self._queue.get() is not None:  # whoever waits for room must not wait for ever
                pass

    def _pictures(self, frames: Iterator[Shown]) -> Iterator[tuple[np.ndarray, float]]:
        """Frames with their heads drawn, and their times; meshes are written on the way."""
        torch.set_num_threads(1)  # which holds for this thread alone
        for one in frames:
            if one.params is not None:
                start = time.perf_counter()
                with torch.inference_mode():
                    verts = self._model(one.params).verts_m[0]
                if self._plan.draws:
                    self._painter(one.frame.image, verts, one.camera[0])
                    self._times.add("draw", time.perf_counter() - start)
                self._write_mesh(one.frame.index, verts)
            if self._plan.window:
                self.latest = one.frame.image
            yield one.frame.image, one.frame.time_s or 0.0

    def _write_mesh(self, number: int, verts_m: Tensor) -> None:
        if self._plan.meshes is not None:
            write_ply(self._plan.meshes / f"{number:06d}.ply", verts_m, self._model.assets.faces)

    def _write(self, path: Path, pictures: Iterator[tuple[np.ndarray, float]]) -> None:
        with VideoWriter(path, self._plan.rate_hz) as writer:
            for picture, time_s in pictures:
                start = time.perf_counter()
                due = round(time_s * self._plan.rate_hz) + 1 if self._plan.timed else self.written + 1
                if self.written < due:
                    writer.write(picture, due - self.written)
                    self.written = due
                self._times.add("write", time.perf_counter() - start)
