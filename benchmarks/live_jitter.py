"""Jitter at rest and lag in motion of the student's landmarks, with and without filters; MediaPipe's beside them.

    python benchmarks/live_jitter.py checkpoints=base,nano frames=60 out=runs/student_live

At rest: one frame, repeated with fresh noise. Jitter is the mean length of the landmarks' accelerations from frame to
frame, in % of the distance of the outer eye corners. In motion: a rendered person who turns, talks and blinks. Lag is
the delay at which what comes out of the filters fits best to what went in, by least squares; for landmarks in the
picture, for the head's rotation, and for the landmarks without the head's motion (expression). The error is that of the
landmarks against the truth of the clip.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from command_line import read_options
from moving_clip import RATE_HZ, moving_clip

from shared.flame.landmarks import FACE_OVAL, OUTER_EYE_CORNERS
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.geometry.camera import Camera
from shared.images.source import InputRef, iter_frames
from shared.records.tensor_record import concatenate
from shared.runs.device import one_thread
from shared.synthetic.motion import vertices_of
from student.config import InferConfig
from student.inference.tools import Tools, build_tools
from student.live.stages import StageTimes
from student.live.stream import STAGES

DEFAULTS = {"checkpoints": "base,nano", "out": "runs/student_live", "frames": "60", "size": "720x1280", "seed": "92",
            "person": "2", "still": "90", "noise": "4"}  # fmt: skip
_LATEST_S = 0.25
INNER = np.setdiff1d(np.arange(468), FACE_OVAL)


@dataclass(frozen=True, eq=False)
class Track:
    """What was predicted for a clip, T frames."""

    landmarks_px: np.ndarray  # (T, 478, 2)
    rotation: np.ndarray  # (T, 3) axis-angle
    face_m: np.ndarray  # (T, P, 3) landmarks in the head's axes, without its motion


def follow(tools: Tools, images: list[np.ndarray], camera: Camera) -> Track:
    """Predict every frame. SystemExit if the face is lost."""
    stream = tools.stream(StageTimes(*STAGES))
    heads = [stream(image, camera, number / RATE_HZ) for number, image in enumerate(images)]
    output = [head for head in heads if head is not None]
    if len(output) < len(heads):
        raise SystemExit(f"the face was lost in {len(heads) - len(output)} of {len(heads)} frames")
    params, model = concatenate([head.params for head in output]), tools.model
    still = torch.zeros_like(params.global_rot)
    at_rest = vertices_of(model, replace(params, global_rot=still, neck=still, translation=still))
    _, embedding = mediapipe_embedding(model.assets)
    face = embedding.positions(at_rest, model.assets.faces)
    return Track(np.stack([head.mesh_landmarks_px for head in output]), params.global_rot.numpy(), face.numpy())


def jitter_percent(landmarks_px: np.ndarray) -> float:
    """Of (T, 478, 2) at rest."""
    right, left = OUTER_EYE_CORNERS
    eyes = np.linalg.norm(landmarks_px[:, right] - landmarks_px[:, left], axis=-1).mean()
    return 100 * float(np.linalg.norm(np.diff(landmarks_px, 2, axis=0), axis=-1)[:, INNER].mean() / eyes)


def lag_ms(smooth: np.ndarray, raw: np.ndarray) -> float:
    """Delay of (T, ...) after (T, ...), by least squares over the frames that all delays leave."""
    smooth, raw = (values.reshape(len(values), -1).astype(np.float64) for values in (smooth, raw))
    times = np.arange(len(raw)) / RATE_HZ
    kept = times >= _LATEST_S
    errors = []
    delays = np.arange(0, _LATEST_S, 0.002)
    for delay in delays:
        at = (times[kept] - delay) * RATE_HZ
        low = np.floor(at).astype(int)
        share = (at - low)[:, None]
        before = raw[low] * (1 - share) + raw[np.minimum(low + 1, len(raw) - 1)] * share
        errors.append(float(((smooth[kept] - before) ** 2).sum()))
    return 1e3 * float(delays[int(np.argmin(errors))])


def error_percent(landmarks_px: np.ndarray, true_px: np.ndarray) -> float:
    """Of the eye distance."""
    right, left = OUTER_EYE_CORNERS
    eyes = np.linalg.norm(true_px[:, right] - true_px[:, left], axis=-1)
    return 100 * float((np.linalg.norm(landmarks_px - true_px, axis=-1)[:, INNER].mean(1) / eyes).mean())


def mediapipe_track(tools: Tools, images: list[np.ndarray]) -> np.ndarray:
    """(T, 478, 2) each followed from its own landmarks of the frame before."""
    found = [tools.detector.detect(images[0])[0].landmarks_px]
    for image in images[1:]:
        face = tools.follower.track(image, found[-1])
        found.append(found[-1] if face is None else face.landmarks_px)
    return np.stack(found)


def main(options: dict[str, str]) -> None:
    """Print the table."""
    one_thread()
    height, width = (int(side) for side in options["size"].split("x"))
    folder = Path(options["out"]) / "clips"
    numbers = (int(options[name]) for name in ("seed", "person"))
    clip, truth, cameras = moving_clip(folder, int(options["frames"]), (height, width), *numbers)
    images = [frame.image for frame in iter_frames(InputRef("video", str(clip), clip.name))]
    random, noise = np.random.default_rng(0), float(options["noise"])
    still = [
        (images[0] + random.normal(0, noise, images[0].shape)).clip(0, 255).astype(np.uint8)
        for _ in range(int(options["still"]))
    ]
    print(f"{'':<28}{'jitter %':>9}{'error %':>9}{'lag: picture':>14}{'rotation':>10}{'face':>8}  ms")
    shown_mediapipe = False
    for checkpoint in options["checkpoints"].split(","):
        config = InferConfig(
            input=str(clip), out=options["out"], checkpoint=checkpoint, focal_px=float(cameras.focal_px[0, 0])
        )
        tools = build_tools(config)
        assets, model = tools.model.assets, tools.model
        _, embedding = mediapipe_embedding(assets)
        true_px = cameras.project(embedding.positions(vertices_of(model, truth), assets.faces)).numpy()
        if not shown_mediapipe:
            shown_mediapipe = True
            jitter = jitter_percent(mediapipe_track(tools, still)[10:])
            error = error_percent(mediapipe_track(tools, images), true_px)
            print(f"{'MediaPipe':<28}{jitter:>9.2f}{error:>9.2f}")
        camera = cameras[:1]
        raw: Track | None = None
        for smooth in (False, True):
            run = replace(tools, config=replace(config, smooth=smooth))
            jitter = jitter_percent(follow(run, still, camera).landmarks_px[30:])
            track = follow(run, images, camera)
            row = f"{checkpoint + (', filtered' if smooth else ''):<28}{jitter:>9.2f}"
            row += f"{error_percent(track.landmarks_px, true_px):>9.2f}"
            if raw is not None:
                lags = [(track.landmarks_px[:, INNER], raw.landmarks_px[:, INNER]), (track.rotation, raw.rotation),
                        (track.face_m, raw.face_m)]  # fmt: skip
                row += "".join(f"{lag_ms(a, b):>{w}.0f}" for (a, b), w in zip(lags, (14, 10, 8), strict=True))
            raw = track
            print(row)


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
