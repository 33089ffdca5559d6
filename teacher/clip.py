"""A clip, frame by frame: each frame is fitted on its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from shared.config import FitInputConfig
from shared.export.mesh_files import write_ply
from shared.export.npz import write_params
from shared.files import write_atomically
from shared.images.decode import Frame, InputError
from shared.images.source import InputRef, iter_frames
from shared.images.video import frame_rate
from shared.runtime import UserError
from teacher.observe import observe
from teacher.pipeline import FittedFace, Tools, fit_faces
from teacher.results import draw_overlay, extras, parameters

FrameFit = tuple[int, float, FittedFace]  # frame number, seconds, its largest face


def fit_clip(ref: InputRef, config: FitInputConfig, tools: Tools) -> list[Path]:
    """Fit the largest face of every frame; write the overlay clip, the parameters (leading T), and meshes if asked.

    Frames without a usable face keep their picture in the overlay and have no row in ``params.npz``; its ``frame`` and
    ``time_s`` say which rows there are. UserError if the clip cannot be read or holds no face.
    """
    if config.faces != "largest":
        raise UserError("faces=all is for pictures: in a clip nothing says yet which face is whose")
    out, kept, files = Path(config.out), [], []
    rate = frame_rate(ref.path) / config.frame_step
    overlay_path = write_atomically(out / "overlay.mp4", lambda path: _run(ref, config, tools, path, rate, kept, files))
    if not kept:
        overlay_path.unlink()
        raise UserError(f"input={ref.path}: no usable face was found in any frame")
    faces = [face for _, _, face in kept]
    params, camera = parameters(faces)
    more = {
        "frame": np.array([number for number, _, _ in kept], np.int64),
        "time_s": np.array([seconds for _, seconds, _ in kept]),
    }
    params_path = write_params(out / "params.npz", params, camera, extras(faces, tools.model.assets) | more)
    errors = [face.verdict.measures.landmark_error for face in faces]
    doubtful = sum(bool(face.failures) for face in faces)
    print(
        f"{ref.id}: {len(kept)} frames with a face, median landmark error {np.median(errors):.2%} of the eye distance"
    )
    if doubtful:
        print(f"  doubtful in {doubtful} frames, such as: {next(f for f in faces if f.failures).failures[0].reason}")
    return [overlay_path, params_path, *files]


def _run(
    ref: InputRef,
    config: FitInputConfig,
    tools: Tools,
    video: Path,
    rate: float,
    kept: list[FrameFit],
    files: list[Path],
) -> None:
    detector, assets = tools.detector(), tools.model.assets
    writer: cv2.VideoWriter | None = None
    try:
        for frames in _batches(ref, config):
            seen = [observe(frame, detector, config)[:1] for frame in frames]
            fits = iter(fit_faces([face for faces in seen for face in faces], tools, config.quality))
            for frame, faces in zip(frames, seen, strict=True):
                outcomes = [next(fits) for _ in faces]
                fitted = [one for one in outcomes if isinstance(one, FittedFace) and one.is_finite]
                picture = draw_overlay(frame, fitted, assets)
                writer = writer or _open(video, rate, frame.size)
                writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
                for one in fitted:
                    kept.append((frame.index, frame.time_s or 0.0, _without_pictures(one)))
                    if config.meshes:
                        path = Path(config.out) / "meshes" / f"{frame.index:06d}.ply"
                        files.append(write_ply(path, one.verts_m, assets.faces))
    except InputError as error:
        if not kept:
            raise UserError(f"input={ref.path}: {error.reason}") from error
        print(f"warning: {ref.path}: {error.reason}; the frames before are kept")
    finally:
        if writer is not None:
            writer.release()
    if writer is None:
        raise UserError(f"input={ref.path}: no frame could be read")


def _without_pictures(one: FittedFace) -> FittedFace:
    """What is kept of each frame: a long clip has tens of thousands."""
    return replace(one, face=replace(one.face, crop_image=one.face.crop_image[:0]), verts_m=one.verts_m[:0])


def _batches(ref: InputRef, config: FitInputConfig) -> Iterator[list[Frame]]:
    frames = iter_frames(ref, config.frame_step)
    with tqdm(unit="frame", dynamic_ncols=True) as bar:
        while batch := list(islice(frames, config.batch_size)):
            yield batch
            bar.update(len(batch))


def _open(path: Path, rate: float, size: tuple[int, int]) -> cv2.VideoWriter:
    height, width = size
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
    if not writer.isOpened():
        raise UserError(f"cannot write {path}: this OpenCV has no encoder for mp4")
    return writer
