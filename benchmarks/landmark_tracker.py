"""Processor time of the landmark tracker a frame, by stage, on one thread: what else runs changes it little.

    python benchmarks/landmark_tracker.py clip=clip.mp4 frames=60 rounds=3 size=720x1280

Frames of the clip, resized, are kept in memory; the face is followed through them `rounds` times, forward and backward.
Without a clip it is the rendered one of student_live.py.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import psutil
from command_line import read_options
from moving_clip import moving_clip

from shared.images.source import InputRef, iter_frames
from shared.landmarker.networks import BlendshapeNetwork, LandmarkNetwork
from shared.landmarker.rotated_square import RotatedSquare
from shared.landmarker.search import FaceLandmarker
from shared.landmarker.tracker import LandmarkTracker
from shared.runs.device import one_thread

DEFAULTS = {"clip": "", "out": "runs/landmark_tracker", "frames": "60", "rounds": "3", "size": "720x1280"}
STAGES: dict[str, tuple[type, str]] = {
    "all": (LandmarkTracker, "track"),
    "crop": (RotatedSquare, "sample"),
    "landmark network": (LandmarkNetwork, "__call__"),
    "blendshape network": (BlendshapeNetwork, "__call__"),
}


@contextmanager
def timed(spent: dict[str, list[float]]) -> Iterator[None]:
    """Add the processor time of each call of a stage, milliseconds."""

    def wrap(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            begun = time.thread_time()
            result = work(*arguments, **options)
            spent[name].append(1e3 * (time.thread_time() - begun))
            return result

        return call

    stages = STAGES.items()
    patches = [patch.object(owner, method, wrap(name, getattr(owner, method))) for name, (owner, method) in stages]
    for one in patches:
        one.start()
    yield
    for one in patches:
        one.stop()


def main(options: dict[str, str]) -> None:
    """Print medians."""
    one_thread()
    cv2.setNumThreads(1)
    height, width = (int(side) for side in options["size"].split("x"))
    count, clip = int(options["frames"]), options["clip"]
    path = Path(clip) if clip else moving_clip(Path(options["out"]), count, (height, width), 92, 2)[0]
    shots = islice(iter_frames(InputRef("video", str(path), path.name)), count)
    frames = [cv2.resize(one.image, (width, height), interpolation=cv2.INTER_CUBIC) for one in shots]
    with FaceLandmarker() as detector:
        around: np.ndarray = detector.detect(frames[0])[0].landmarks_px
    spent: dict[str, list[float]] = defaultdict(list)
    with timed(spent), LandmarkTracker() as tracker:
        for frame in [*frames, *frames[::-1]] * int(options["rounds"]):
            face = tracker.track(frame, around)
            if face is None:
                raise SystemExit(f"{path.name}: the face was lost")
            around = face.landmarks_px
    medians = {name: statistics.median(values) for name, values in spent.items()}
    medians["rest"] = 2 * medians["all"] - sum(medians.values())
    load = psutil.getloadavg()[0]
    print(f"{path.name}, {width}x{height}, {len(spent['all'])} frames, load {load:.1f}; processor, ms a frame:")
    print(", ".join(f"{name} {value:.2f}" for name, value in medians.items()))


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
