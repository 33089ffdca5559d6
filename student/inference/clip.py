"""A clip or a camera: one face followed to the end, drawn and kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from shared.geometry.camera import Camera
from shared.images.cameras import camera_of
from shared.images.decode import Frame, InputError
from shared.images.source import InputRef, iter_frames
from shared.images.video import FALLBACK_FPS, frame_rate
from shared.runs.device import short_turns
from shared.runs.prefetch import ahead
from student.inference.report import InputReport
from student.inference.tools import Tools
from student.live.capture import Capture, Captured
from student.live.output import Output, OutputPlan, Shown
from student.live.rows import HeadRows
from student.live.stages import StageTimes
from student.live.stream import STAGES
from student.live.tracker import FaceRegion
from student.live.window import Window


def run_clip(ref: InputRef, out: Path, tools: Tools, frames: Iterator[Frame] | None = None) -> InputReport:
    """Follow the face of a clip or camera; write overlay.mp4, params.npz and meshes as the options say.

    What was predicted before an input failed, or before Ctrl-C, is kept.

    Args:
        ref: the input.
        out: folder for its files.
        tools: of the run.
        frames: instead of those of the input.

    Raises:
        StorageError: a file cannot be written.
        UserError: there is no window, or no encoder.
    """
    config, camera_like = tools.config, ref.kind == "camera" or tools.config.realtime
    times, plan = StageTimes(*STAGES), plan_of(ref, out, tools)
    source = iter_frames(ref) if frames is None else frames
    run = _Run(tools, times)
    interrupted = False
    start = time.perf_counter()
    with ExitStack() as stack:
        stack.enter_context(short_turns())
        rows = stack.enter_context(HeadRows(out))
        window = stack.enter_context(Window()) if config.window else None
        capture = stack.enter_context(Capture(source, newest=camera_like, paced=camera_like and ref.kind == "video"))
        placed = run.placed(capture)
        if run.stream.runs_ahead and not camera_like:  # the next face is looked for while this one is predicted
            placed = stack.enter_context(ahead(placed))
        with Output(plan, tools.model, tools.painter, times) as output:
            try:
                run.follow(placed, rows, output, window, camera_like)
            except KeyboardInterrupt:
                interrupted = True
        seconds = time.perf_counter() - start
        files = [] if plan.video is None or not output.written else [plan.video]
        if rows.found and run.camera is not None:
            files.append(rows.write(out / "params.npz", run.camera, tools.model.assets))
        if plan.meshes is not None:
            files += [plan.meshes / f"{n:06d}.ply" for n, seen in zip(rows.frames, rows.tracked, strict=True) if seen]
        return InputReport.of_stream(
            ref,
            rows,
            files,
            problem=_problem(ref, capture, run.ended or interrupted),
            interrupted=interrupted,
            dropped=capture.dropped,
            seconds=seconds,
            times=times,
        )


def plan_of(ref: InputRef, out: Path, tools: Tools) -> OutputPlan:
    """What is made of an input."""
    config = tools.config
    return OutputPlan(
        video=out / "overlay.mp4" if config.overlay else None,
        meshes=out / "meshes" if config.meshes else None,
        window=config.window,
        rate_hz=frame_rate(ref.path) if ref.kind == "video" else FALLBACK_FPS,
        timed=ref.kind == "camera" or config.realtime,
    )


@dataclass(frozen=True, eq=False)
class _Placed:
    """A frame, and where its face is."""

    captured: Captured
    taken_s: float  # when
    place: FaceRegion | None


class _Run:
    """The loop, and what it knows when it ends."""

    def __init__(self, tools: Tools, times: StageTimes) -> None:
        self.camera: Camera | None = None  # (1)
        self.ended = False  # because the user wanted it
        self.stream = tools.stream(times)
        self._tools, self._times = tools, times
        self._start_s = time.perf_counter()

    def placed(self, capture: Capture) -> Iterator[_Placed]:
        """Frames as they come."""
        asked_s = time.perf_counter()
        for captured in capture:
            taken_s = time.perf_counter()
            self._times.add("wait", taken_s - asked_s)
            place = self.stream.place(captured.frame.image, captured.time_s, captured.starts_shot)
            yield _Placed(captured, taken_s, place)
            asked_s = time.perf_counter()

    def follow(
        self, placed: Iterator[_Placed], rows: HeadRows, output: Output, window: Window | None, camera_like: bool
    ) -> None:
        """Until the input ends, or the user ends it."""
        config = self._tools.config
        for one in placed:
            frame, time_s = one.captured.frame, one.captured.time_s
            if config.seconds is not None and time_s >= config.seconds:
                self.ended = True
                return
            if self.camera is None or self.camera.size != frame.size:
                self.camera = camera_of(frame, config)[None]
            head = self.stream.predict(frame.image, one.place, self.camera, time_s)
            done_s = time.perf_counter()
            self._times.end_frame()
            self._times.add("latency", done_s - (one.captured.at_s if camera_like else one.taken_s))
            rows.add(frame.index, time_s, head)
            output.put(Shown(frame, None if head is None else head.params, self.camera))
            if window is not None and not window.show(output.latest, self._line(head is None)):
                self.ended = True
                return

    def _line(self, lost: bool) -> str:
        latency = self._times.stages["latency"]
        rate = latency.count / max(time.perf_counter() - self._start_s, 1e-6)
        return f"{rate:.0f} FPS, {latency.percentile_ms(50):.0f} ms" + (", no face" if lost else "")


def _problem(ref: InputRef, capture: Capture, ended: bool) -> str | None:
    """Why the input ended, if it should not have."""
    error: InputError | None = capture.error
    if error is not None:
        return error.reason
    if ref.kind == "camera" and not ended:
        return f"camera {ref.path} gives no more frames: was it unplugged, or taken by another program?"
    if not capture.read and not ended:
        return "no frame could be read"
    return None
