"""A clip as one problem: one identity, and motion that is smooth from frame to frame.

Any number of frames in bounded memory: the identity is found from frames that are spread over the clip, all at once
(Schur complement); then pose and expression of all frames in windows that overlap, each window at once.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from shared.records.tensor_record import concatenate
from teacher.config import ClipConfig
from teacher.evidence.records import FaceEvidence, FitResult
from teacher.fitting.fitter import Motion, ParameterSharing
from teacher.fitting.protocol import Fitter
from teacher.solver.structure import SUBJECT, Structure


def fit_clip_jointly(fitter: Fitter, evidence: FaceEvidence, motion: Motion, config: ClipConfig) -> FitResult:
    """Fit the frames of a clip, all of one person.

    Args:
        fitter: of the head.
        evidence: (T) rows, one a frame; ``seen`` is False in frames without a face, which are interpolated.
        motion: (T) how the frames follow each other.
        config: sizes of the windows.

    Returns:
        (T) rows. The shape is the same in all.

    Raises:
        ValueError: no frame shows a face.
    """
    count = len(evidence.landmarks_px)
    seen = evidence.landmarks_px.new_ones(count, dtype=torch.bool) if evidence.seen is None else evidence.seen
    if not bool(seen.any()):
        raise ValueError("no frame shows a face")
    identity, evidence = _with_identity(fitter, evidence, spread_rows(seen, config.identity_frames))
    parts = []
    for window, kept in windows(count, config.window, config.overlap):
        structure = Structure.of_one(torch.arange(window.stop - window.start, device=seen.device))
        sharing = ParameterSharing(structure, camera_known=True, identity=identity, motion=motion[window])
        fitted = fitter.fit_together(evidence[window], sharing)
        parts.append(fitted[kept.start - window.start : kept.stop - window.start])
    return concatenate(parts)


def _with_identity(fitter: Fitter, evidence: FaceEvidence, rows: Tensor) -> tuple[Tensor, FaceEvidence]:
    """(1, S) shape codes of the person, from some rows at once, and all evidence with the lens that they found."""
    some = evidence[rows]
    structure = Structure.of_one(torch.arange(len(rows), device=evidence.landmarks_px.device))
    found = fitter.fit_together(some, ParameterSharing(structure, camera_level=SUBJECT))
    # The principal point in focal lengths is that of the camera, whatever the crop.
    offset = (found.camera.center_px[:1] - some.camera.center_px[:1]) / some.camera.focal_px[:1]
    camera = replace(evidence.camera, center_px=evidence.camera.center_px + offset * evidence.camera.focal_px)
    return found.params.shape[:1], replace(evidence, camera=camera)


def spread_rows(seen: Tensor, count: int) -> Tensor:
    """(R,) rows of at most ``count`` frames, spread evenly over those with a face, of frames (T,) bool."""
    rows = seen.nonzero()[:, 0]
    places = torch.linspace(0, len(rows) - 1, min(count, len(rows)))
    return rows[places.round().long().to(rows.device)]


def windows(count: int, size: int, overlap: int) -> list[tuple[slice, slice]]:
    """Windows over ``count`` frames, and which frames each one decides; neighbours overlap and meet in the middle."""
    if count <= size:
        return [(slice(0, count), slice(0, count))]
    step = size - overlap
    starts = [*range(0, count - size, step), count - size]
    ends = [start + size for start in starts]
    meet = [0, *((end + start) // 2 for end, start in zip(ends[:-1], starts[1:], strict=True)), count]
    return [
        (slice(start, end), slice(low, high))
        for start, end, low, high in zip(starts, ends, meet[:-1], meet[1:], strict=True)
    ]
