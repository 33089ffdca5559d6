"""A clip: watched once, fitted as one problem, drawn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from shared.config import FitInputConfig
from shared.export.mesh_files import write_ply
from shared.export.npz import write_params
from shared.files import write_atomically
from shared.images.decode import InputError
from shared.images.source import InputRef, iter_frames
from shared.images.video import frame_rate
from shared.runtime import UserError
from teacher.clip_fitter import fit_clip_jointly
from teacher.fitter import Motion
from teacher.pipeline import FittedFace, Seen, Tools, judged
from teacher.results import draw_overlay, extras, parameters
from teacher.watch import WatchedClip, bridge, watch


def fit_clip(ref: InputRef, config: FitInputConfig, tools: Tools) -> list[Path]:
    """Fit the largest face of every frame, as one person; write the overlay clip, the parameters (leading T), meshes.

    Frames without a face between frames with one are bridged; ``seen`` in ``params.npz`` is False there. Other frames
    without a face have no row; ``frame`` and ``time_s`` say which rows there are. UserError if the clip cannot be read
    or shows no face.
    """
    if config.faces != "largest":
        raise UserError("faces=all is for pictures: in a clip nothing says yet which face is whose")
    out, rate = Path(config.out), frame_rate(ref.path) / config.frame_step
    watched = watch(ref, config, tools)
    clip = bridge(watched, round(config.clip.bridge_s * rate))
    if clip is None:
        raise UserError(f"input={ref.path}: no face was found in any frame")
    motion = Motion(clip.follows.to(tools.device), rate)
    result = fit_clip_jointly(tools.fitter, clip.evidence.to(tools.device), motion, config.clip)
    fitted = judged(clip.faces, Seen(clip.evidence, (None,) * len(clip.faces)), result, tools, config.quality)
    files = [_write_overlay(ref, config, tools, clip, fitted, rate)]
    params, camera = parameters(fitted)
    more = {
        "frame": np.array(clip.numbers, np.int64),
        "time_s": np.array(clip.times_s),
        "seen": clip.seen.numpy(),
        "follows": clip.follows.numpy(),
    }
    files.append(write_params(out / "params.npz", params, camera, extras(fitted, tools.model.assets) | more))
    if config.meshes:
        for number, one in zip(clip.numbers, fitted, strict=True):
            files.append(write_ply(out / "meshes" / f"{number:06d}.ply", one.verts_m, tools.model.assets.faces))
    _tell(ref, len(watched), clip, fitted)
    return files


def _tell(ref: InputRef, count: int, clip: WatchedClip, fitted: list[FittedFace]) -> None:
    seen = [one for one, found in zip(fitted, clip.seen.tolist(), strict=True) if found]
    error = np.median([one.verdict.measures.landmark_error for one in seen])
    shots = int((~clip.follows).sum())
    print(f"{ref.id}: {len(seen)} of {count} frames show a face, {len(fitted) - len(seen)} are bridged, {shots} shots")
    print(f"  landmark error {error:.2%} of the eye distance (median)")
    doubtful = [one for one in seen if one.failures]
    if doubtful:
        print(f"  doubtful in {len(doubtful)} frames, such as: {doubtful[0].failures[0].reason}")


def _write_overlay(
    ref: InputRef, config: FitInputConfig, tools: Tools, clip: WatchedClip, fitted: list[FittedFace], rate: float
) -> Path:
    heads = dict(zip(clip.numbers, fitted, strict=True))
    path = Path(config.out) / "overlay.mp4"
    return write_atomically(path, lambda partial: _draw(ref, config.frame_step, tools, heads, partial, rate))


def _draw(ref: InputRef, step: int, tools: Tools, heads: dict[int, FittedFace], path: Path, rate: float) -> None:
    writer: cv2.VideoWriter | None = None
    try:
        for frame in tqdm(iter_frames(ref, step), desc="drawing", unit="frame", dynamic_ncols=True):
            here = [heads[frame.index]] if frame.index in heads else []
            picture = draw_overlay(frame, [one for one in here if one.is_finite], tools.model.assets)
            writer = writer or _open(path, rate, frame.size)
            writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except InputError:
        pass  # the damaged end, which was said when the clip was watched
    finally:
        if writer is not None:
            writer.release()


def _open(path: Path, rate: float, size: tuple[int, int]) -> cv2.VideoWriter:
    height, width = size
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
    if not writer.isOpened():
        raise UserError(f"cannot write {path}: this OpenCV has no encoder for mp4")
    return writer
