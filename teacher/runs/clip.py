"""A clip: tracked once, fitted as one problem, drawn."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.export.mesh_files import write_ply
from shared.export.npz import write_params
from shared.images.decode import InputError
from shared.images.source import InputRef, iter_frames
from shared.images.video import frame_rate
from shared.images.video_writer import VideoWriter
from shared.runs.errors import UserError
from shared.runs.files import write_atomically
from teacher.config import FitInputConfig
from teacher.evidence.records import FitResult
from teacher.fitting.clip import fit_clip_jointly, spread_rows
from teacher.fitting.fitter import Motion
from teacher.fitting.focal import with_one_focal_length
from teacher.pipeline.judge import judged
from teacher.pipeline.observe import ObservedBatch
from teacher.pipeline.records import FittedFace
from teacher.pipeline.tools import Tools
from teacher.runs.clip_track import ClipTrack, interpolate_gaps, track_clip
from teacher.runs.results import draw_overlay, extras, focal_line, parameters


def fit_clip(ref: InputRef, config: FitInputConfig, tools: Tools) -> list[Path]:
    """Fit the largest face of every frame, as one person; write the overlay clip, the parameters (leading T), meshes.

    Frames without a face between frames with one are interpolated; ``tracked`` in ``params.npz`` is False there. Other
    frames without a face have no row; ``frame`` and ``time_s`` say which rows there are. UserError if the clip cannot
    be read or shows no face.
    """
    if config.faces != "largest":
        raise UserError("faces=all is for pictures: in a clip nothing says yet which face is whose")
    out, rate = Path(config.out), frame_rate(ref.path) / config.frame_step
    tracked = track_clip(ref, config, tools)
    clip = interpolate_gaps(tracked, round(config.clip.max_gap_s * rate))
    if clip is None:
        raise UserError(f"input={ref.path}: no face was found in any frame")
    rows = spread_rows(clip.seen, config.clip.identity_frames)
    faces, evidence = with_one_focal_length(clip.faces, clip.evidence.to(tools.device), rows, tools.focal)
    clip = replace(clip, faces=tuple(faces), evidence=evidence)
    result = fit_clip_jointly(tools.fitter, evidence, Motion(clip.follows.to(tools.device), rate), config.clip)

    heads = _heads(clip, result, config, tools)
    fitted: list[FittedFace] = []
    pictures = _pictures(ref, config, tools, dict.fromkeys(clip.numbers), heads, fitted)
    files = [write_atomically(out / "overlay.mp4", lambda partial: _write_video(partial, pictures, rate))]
    params, camera = parameters(fitted)
    more = {
        "frame": np.array(clip.numbers, np.int64),
        "time_s": np.array(clip.times_s),
        "tracked": clip.seen.cpu().numpy(),
        "follows": clip.follows.numpy(),
    }
    files.append(write_params(out / "params.npz", params, camera, extras(fitted, tools.model.assets) | more))
    if config.meshes:
        files += [_mesh_path(config, number) for number in clip.numbers]
    _tell(ref, len(tracked), clip, fitted)
    return files


def _heads(clip: ClipTrack, result: FitResult, config: FitInputConfig, tools: Tools) -> Iterator[FittedFace]:
    """One frame after the other, posed in batches: the meshes of a long clip at once do not fit into memory."""
    for start in range(0, len(clip.numbers), config.batch_size):
        rows = slice(start, start + config.batch_size)
        faces, checks = clip.faces[rows], (None,) * len(clip.faces[rows])
        yield from judged(faces, ObservedBatch(clip.evidence[rows], checks), result[rows], tools, config.quality)


def _pictures(
    ref: InputRef,
    config: FitInputConfig,
    tools: Tools,
    numbers: Container[int],
    heads: Iterator[FittedFace],
    fitted: list[FittedFace],
) -> Iterator[np.ndarray]:
    """Every frame with its head, if it has one; writes the meshes, and adds to ``fitted``, less the vertices."""
    try:
        for frame in tqdm(iter_frames(ref, config.frame_step), desc="drawing", unit="frame", dynamic_ncols=True):
            here = [next(heads)] if frame.index in numbers else []
            yield draw_overlay(frame, [one for one in here if one.is_finite], tools.model.assets)
            if config.meshes:
                for one in here:
                    write_ply(_mesh_path(config, frame.index), one.verts_m, tools.model.assets.faces)
            fitted += [replace(one, verts_m=one.verts_m[:0]) for one in here]
    except InputError:
        pass  # the damaged end, which was said when the clip was tracked


def _mesh_path(config: FitInputConfig, number: int) -> Path:
    return Path(config.out) / "meshes" / f"{number:06d}.ply"


def _tell(ref: InputRef, count: int, clip: ClipTrack, fitted: list[FittedFace]) -> None:
    seen = [one for one, found in zip(fitted, clip.seen.tolist(), strict=True) if found]
    error = np.median([one.verdict.measures.landmark_error for one in seen])
    shots = int((~clip.follows).sum())
    between = len(fitted) - len(seen)
    print(f"{ref.id}: {len(seen)} of {count} frames show a face, {between} are interpolated, {shots} shots")
    print(f"  landmark error  {error:.2%} of the eye distance (median)")
    print(f"  focal length    {focal_line(fitted[0])}")
    doubtful = [one for one in seen if one.failures]
    if doubtful:
        print(
            f"  doubtful        {len(doubtful)} frames, such as {doubtful[0].face.id}: {doubtful[0].failures[0].reason}"
        )


def _write_video(path: Path, pictures: Iterator[np.ndarray], rate: float) -> None:
    with VideoWriter(path, rate) as writer:
        for picture in pictures:
            writer.write(picture)
