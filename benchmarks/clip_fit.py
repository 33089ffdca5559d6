"""A clip as one problem against its frames one by one, on a rendered person whose motion is known.

    python benchmarks/clip_fit.py out=runs/clip_fit frames=120 seed=92 person=2

The clip is drawn, written as a video, and tracked as any other: detection, prior, landmarks. Both fits then have the
same evidence; the focal length is given to both unless focal=estimated. Errors are those of the face's vertices.
Jitter is the mean distance of their accelerations to the true ones.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import torch
from command_line import read_options
from torch import Tensor

from shared.evaluate.faces import FaceMesh, TrueFace, skin_samples
from shared.evaluate.metrics import score_face, vertex_error_mm
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.meshes import align
from shared.images.source import InputRef
from shared.records.tensor_record import stack
from shared.synthetic.motion import shots_in_motion, vertices_of
from shared.synthetic.studio import Order, PortraitStudio
from teacher.config import FitInputConfig
from teacher.evidence.records import FitResult
from teacher.fitting.clip import fit_clip_jointly, spread_rows
from teacher.fitting.fitter import Motion
from teacher.fitting.focal import with_one_focal_length
from teacher.pipeline.tools import Tools, build_tools
from teacher.runs.clip_track import ClipTrack, interpolate_gaps, track_clip

DEFAULTS = {"out": "runs/clip_fit", "frames": "120", "seed": "92", "person": "2", "size": "384", "focal": "given"}
RATE_HZ = 30.0


def draw(path: Path, frames: int, seed: int, person: int, size: int) -> tuple[FlameParams, Camera]:
    """Write the clip; its true parameters (T rows) and camera."""
    studio = PortraitStudio(FlameModel(load_flame()), (size, size))
    shots = shots_in_motion(studio, seed, person, frames, RATE_HZ)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE_HZ, (size, size))
    for shot in shots:
        image = studio.portrait(Order(seed, person, person, "posed"), shot).image
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()
    return stack([shot.params for shot in shots]), shots[0].camera


def fit_both(clip: ClipTrack, tools: Tools, config: FitInputConfig) -> dict[str, tuple[FitResult, float]]:
    """Results (T rows) and seconds of both ways."""
    rows = spread_rows(clip.seen, config.clip.identity_frames)
    _, evidence = with_one_focal_length(clip.faces, clip.evidence, rows, tools.focal)
    start = time.process_time()
    alone = tools.fitter.fit(evidence)
    middle = time.process_time()
    together = fit_clip_jointly(tools.fitter, evidence, Motion(clip.follows, RATE_HZ), config.clip)
    return {"frame by frame": (alone, middle - start), "as one clip": (together, time.process_time() - middle)}


def accelerations_mm(points_m: Tensor) -> Tensor:
    """(T, V, 3) -> (T - 2, V, 3) millimetres a frame^2."""
    return 1e3 * (points_m[2:] - 2 * points_m[1:-1] + points_m[:-2])


def jitter_mm(found_m: Tensor, true_m: Tensor) -> float:
    """Mean distance of the accelerations of vertices (T, V, 3) to the true ones, millimetres a frame^2."""
    return float((accelerations_mm(found_m) - accelerations_mm(true_m)).norm(dim=-1).mean())


def figures(model: FlameModel, result: FitResult, truth: FlameParams) -> dict[str, float]:
    """The columns of the table."""
    assets = model.assets
    face = assets.region("face")
    found, true = vertices_of(model, result.params), vertices_of(model, truth)
    aligned = align(found[:, face], true[:, face]).apply(found[:, face])
    samples, l1, l2 = skin_samples(assets), [], []
    for row in range(0, len(found), 4):  # scoring a frame takes longer than fitting it
        true_face = TrueFace.of_head(true[row], assets, samples)
        score = score_face(true_face, FaceMesh.of_head(found[row], assets)).by_landmarks
        l1.append(score.l1_mm)
        l2.append(score.l2_mm)
    neutral_found, neutral_true = (
        vertices_of(model, replace(model.neutral_params(), shape=shape).map(lambda t: t[None]))[:, face]
        for shape in (result.params.shape.mean(0), truth.shape[0])
    )
    shapes = vertices_of(model, replace(model.neutral_params(len(found)), shape=result.params.shape))[:, face]
    return {
        "posed L1 mm": sum(l1) / len(l1),
        "posed L2 mm": sum(l2) / len(l2),
        "vertices mm": float(vertex_error_mm(found[:, face], true[:, face]).mean()),
        "jitter mm": jitter_mm(found[:, face], true[:, face]),
        "jitter of the aligned face mm": jitter_mm(aligned, true[:, face]),
        "neutral mm": float(vertex_error_mm(neutral_found, neutral_true)[0]),
        "identity's spread mm": 1e3 * float((shapes - shapes.mean(0)).norm(dim=-1).mean()),
    }


def main(options: dict[str, str]) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    out = Path(options["out"])
    out.mkdir(parents=True, exist_ok=True)
    path = out / "clip.mp4"
    truth, camera = draw(path, *(int(options[name]) for name in ("frames", "seed", "person", "size")))
    given = None if options["focal"] == "estimated" else float(camera.focal_px[0])
    config = FitInputConfig(input=str(path), out=str(out), focal_px=given)
    tools = build_tools(config, torch.device("cpu"))
    clip = interpolate_gaps(track_clip(InputRef("video", str(path), path.name), config, tools), round(RATE_HZ))
    if clip is None:
        raise SystemExit("no face was found")
    truth = truth[torch.tensor(clip.numbers)]
    true = accelerations_mm(vertices_of(tools.model, truth)[:, tools.model.assets.region("face")]).norm(dim=-1).mean()
    print(f"{len(clip.numbers)} frames, {int(clip.seen.sum())} with a face, true acceleration {true:.2f} mm a frame^2")
    for name, (result, seconds) in fit_both(clip, tools, config).items():
        print(f"{name}, {1e3 * seconds / len(clip.numbers):.0f} ms a frame")
        for column, value in figures(tools.model, result, truth).items():
            print(f"  {column:32s} {value:8.3f}")


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
