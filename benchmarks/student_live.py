"""The student end to end on a clip: frames a second, time by stage, memory; and the landmark tracker alone beside it.

    python benchmarks/student_live.py checkpoints=base,nano frames=60 loops=6 out=runs/student_live

The clip shows a rendered person who moves, 1280x720 pixels at 30 Hz, played forward and backward. Each checkpoint runs
as `student/infer.py` does: with the overlay drawn and written as a video, without (params.npz alone), the same with
landmarks=false, and at the rate of a camera, which shows the latency. Then the network runs by itself on a crop, and
the landmark tracker by itself, following its own landmarks. Memory is that of the process after each of
`memory_loops` further runs of the clip.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import psutil
import torch
from command_line import read_options
from moving_clip import RATE_HZ, moving_clip

from shared.images.cameras import camera_of
from shared.images.decode import Frame
from shared.images.source import InputRef, iter_frames
from shared.landmarker.tracker import LandmarkTracker
from shared.runs.device import one_thread
from student.config import InferConfig
from student.inference.clip import run_clip
from student.inference.report import InputReport
from student.inference.tools import Tools, build_tools

DEFAULTS = {"checkpoints": "base,nano", "out": "runs/student_live", "frames": "60", "loops": "6", "size": "720x1280",
            "seed": "92", "person": "2", "refine": "0", "memory_loops": "6", "threads": "1"}  # fmt: skip


PLAYED_S = 10.0


def long_clip(folder: Path, options: dict[str, str]) -> Path:
    """The clip forward and backward, ``loops`` times."""
    height, width = (int(side) for side in options["size"].split("x"))
    frames, loops = int(options["frames"]), int(options["loops"])
    clip, _, _ = moving_clip(folder, frames, (height, width), int(options["seed"]), int(options["person"]))
    path = clip.with_name(f"{clip.stem}_loops{loops}.mp4")
    if not path.is_file():
        shots = [frame.image for frame in iter_frames(InputRef("video", str(clip), clip.name))]
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE_HZ, (width, height))
        for _ in range(loops):
            for image in shots + shots[::-1]:
                writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        writer.release()
    return path


def show(name: str, report: InputReport) -> None:
    """A table."""
    lost = report.frames - report.found
    print(f"{name}: {report.fps or 0:.1f} frames a second end to end ({report.frames} frames, {lost} lost)")
    for stage, times in report.stages.items():
        print(f"  {stage:<12}{times['p50_ms']:>9.2f}{times['p95_ms']:>9.2f}")


def network_alone(tools: Tools, image: Frame) -> float:
    """Milliseconds a crop, median."""
    (face, *_) = tools.detector.detect(image.image)
    landmarks = torch.from_numpy(face.landmarks_px)[None]
    predictor = tools.predictor
    camera = camera_of(image, tools.config)[None]
    units = None if face.blendshapes is None else torch.from_numpy(face.blendshapes)[None]
    inputs = predictor.inputs([image.image], predictor.crop(landmarks), landmarks, camera, units)
    return median_ms(lambda: predictor.network(inputs), 100)


def median_ms(work: Callable[[], object], repeats: int) -> float:
    """Of a call, the first three left out."""
    times = []
    for _ in range(repeats + 3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[3:])


def tracker_alone(tools: Tools, path: Path) -> None:
    """The landmarks of every frame, each looked for where those of the frame before were."""
    durations: list[float] = []
    follower, around = LandmarkTracker(), None
    start = time.perf_counter()
    for frame in iter_frames(InputRef("video", str(path), path.name)):
        if around is None:
            faces = tools.detector.detect(frame.image)
            around = faces[0].landmarks_px if faces else None
            continue
        begun = time.perf_counter()
        face = follower.track(frame.image, around)
        durations.append(time.perf_counter() - begun)
        around = None if face is None else face.landmarks_px
    rate = (len(durations) + 1) / (time.perf_counter() - start)
    follower.close()
    low, high = (1e3 * statistics.quantiles(durations, n=20)[place] for place in (9, 18))
    print(f"the landmark tracker alone: {rate:.1f} frames a second with decoding, p50 {low:.2f} ms, p95 {high:.2f} ms")


def memory(tools: Tools, path: Path, out: Path, loops: int) -> None:
    """Megabytes of the process, after each loop."""
    ref, process = InputRef("video", str(path), path.name), psutil.Process()
    used = []
    for _ in range(loops):
        run_clip(ref, out, tools)
        used.append(process.memory_info().rss / 2**20)
    print(f"memory after each of {loops} runs of the clip, MiB: " + ", ".join(f"{one:.0f}" for one in used))


def main(options: dict[str, str]) -> None:
    """Print all figures."""
    one_thread()
    out = Path(options["out"])
    path = long_clip(out / "clips", options)
    ref = InputRef("video", str(path), path.name)
    frames: Iterator[Frame] = iter_frames(ref)
    first = next(frames)
    print(f"{path.name}, {torch.get_num_threads()} thread, load {psutil.getloadavg()[0]:.1f}")
    tools = None
    for checkpoint in options["checkpoints"].split(","):
        config = InferConfig(input=str(path), out=str(out), checkpoint=checkpoint, refine=int(options["refine"]))
        torch.set_num_threads(int(options["threads"]))
        tools = build_tools(config)
        show(f"{checkpoint}, overlay written", run_clip(ref, out / "overlay", tools))
        bare = replace(tools, config=replace(config, overlay=False))
        show(f"{checkpoint}, params.npz alone", run_clip(ref, out / "bare", bare))
        if tools.predictor.sees_landmarks and tools.predictor.spec.config.backbone != "none":
            alone = build_tools(replace(config, landmarks=False, overlay=False))
            show(f"{checkpoint}, params.npz alone, landmarks=false", run_clip(ref, out / "bare", alone))
        played = replace(tools, config=replace(config, overlay=False, realtime=True, seconds=PLAYED_S))
        show(f"{checkpoint}, played at {RATE_HZ:.0f} Hz as a camera would", run_clip(ref, out / "bare", played))
        print(f"{checkpoint}, network alone: {network_alone(tools, first):.2f} ms")
        if int(options["memory_loops"]):
            memory(tools, path, out / "overlay", int(options["memory_loops"]))
    if tools is not None:
        tracker_alone(tools, path)


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
