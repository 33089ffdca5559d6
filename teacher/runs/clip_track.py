"""A clip as the evidence of one fit: a face a frame, gaps interpolated, cuts marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor
from tqdm import tqdm

from shared.geometry.crop import Crop
from shared.images.cuts import CutFinder
from shared.images.decode import Frame, InputError
from shared.images.source import InputRef, iter_frames
from shared.records.tensor_record import concatenate
from shared.runs.errors import UserError
from teacher.config import FitInputConfig
from teacher.evidence.records import FaceEvidence
from teacher.observation.face import ObservedFace, of_detected
from teacher.pipeline.observe import evidence_of
from teacher.pipeline.tools import Tools
from teacher.runs.face_following import FaceFollower


@dataclass(frozen=True, eq=False)
class WatchedFrame:
    """One frame with what was observed of the face that is followed; pictures are not kept."""

    number: int
    time_s: float
    starts_shot: bool
    face: ObservedFace | None
    evidence: FaceEvidence | None  # one row


@dataclass(frozen=True, eq=False)
class ClipTrack:
    """Frames to fit: those with a face, and those without between them, whose place is interpolated."""

    numbers: tuple[int, ...]
    times_s: tuple[float, ...]
    faces: tuple[ObservedFace, ...]
    evidence: FaceEvidence  # (T) rows
    follows: Tensor  # (T,) bool: one frame after the one before, in the same shot

    @property
    def seen(self) -> Tensor:
        """(T,) bool: False where the face was not found."""
        assert self.evidence.seen is not None
        return self.evidence.seen


def track_clip(ref: InputRef, config: FitInputConfig, tools: Tools) -> list[WatchedFrame]:
    """Follow a face and collect its evidence. UserError if nothing of the clip can be read; a damaged end is said.

    The largest face of a shot is followed as long as it is there, also where another one grows larger.
    """
    detector, cuts, tracked = tools.detector(), CutFinder(), []
    follower = FaceFollower(config.clip.max_gap_s)

    def observed(frame: Frame, starts_shot: bool) -> ObservedFace | None:
        face = follower(detector.detect(frame.image), frame.time_s or 0.0, starts_shot)
        return None if face is None else of_detected(frame, face, config)

    try:
        for frames in _batches(ref, config):
            starts = [cuts(frame.image) for frame in frames]
            found = [observed(frame, first) for frame, first in zip(frames, starts, strict=True)]
            faces = [face for face in found if face is not None]
            rows = iter(_rows(evidence_of(faces, tools).evidence, len(faces)) if faces else ())
            for frame, face, first in zip(frames, found, starts, strict=True):
                bare = None if face is None else replace(face, crop_image=face.crop_image[:0])
                row = None if face is None else next(rows)
                tracked.append(WatchedFrame(frame.index, frame.time_s or 0.0, first, bare, row))
    except InputError as error:
        if not tracked:
            raise UserError(f"input={ref.path}: {error.reason}") from error
        print(f"warning: {ref.path}: {error.reason}; the frames before are kept")
    if not tracked:
        raise UserError(f"input={ref.path}: no frame could be read")
    for time_s in follower.switched_s:
        print(
            f"warning: {ref.path}: at {time_s:.2f} s a face is taken up that is not where the one before was lost; all "
            "frames are fitted as one person: cut the clip there if it shows another"
        )
    return tracked


def interpolate_gaps(tracked: Sequence[WatchedFrame], longest: int) -> ClipTrack | None:
    """Fill gaps of ``longest`` frames at most between two frames of a shot that have a face; None if none has one."""
    kept: list[tuple[WatchedFrame, ObservedFace, FaceEvidence]] = []
    follows: list[bool] = []
    gap: list[WatchedFrame] = []  # frames since the last kept one
    for frame in tracked:
        cut = frame.starts_shot or any(one.starts_shot for one in gap)
        if frame.face is None or frame.evidence is None:
            gap.append(frame)
            continue
        linked = bool(kept) and not cut and len(gap) <= longest
        if linked:
            before = kept[-1]
            for step, missing in enumerate(gap, 1):
                share = step / (len(gap) + 1)
                face = _between(before[1], frame.face, share, missing.number)
                kept.append((missing, face, _unseen(frame.evidence, face)))
                follows.append(True)
        kept.append((frame, frame.face, frame.evidence))
        follows.append(linked)
        gap = []
    if not kept:
        return None
    return ClipTrack(
        numbers=tuple(frame.number for frame, *_ in kept),
        times_s=tuple(frame.time_s for frame, *_ in kept),
        faces=tuple(face for _, face, _ in kept),
        evidence=concatenate([evidence for *_, evidence in kept]),
        follows=torch.tensor(follows),
    )


def _between(before: ObservedFace, after: ObservedFace, share: float, number: int) -> ObservedFace:
    """A face that was not found, between two that were."""
    landmarks = torch.lerp(before.landmarks_px, after.landmarks_px, share)
    affine = torch.lerp(before.crop.affine, after.crop.affine, share)
    name = f"{before.id.rsplit('/', 1)[0]}/{number:06d}#0"
    crop = Crop(affine, before.crop.size)
    return replace(before, id=name, landmarks_px=landmarks, crop=crop, detector_score=0.0)


def _unseen(like: FaceEvidence, face: ObservedFace) -> FaceEvidence:
    """One row that says nothing."""
    dense = like.dense
    if dense is not None:
        nothing = torch.full_like(dense.pixel_std_px, torch.inf)
        contour = dense.contour and replace(dense.contour, found=torch.zeros_like(dense.contour.found))
        dense = replace(dense, pixel_std_px=nothing, normal_std=nothing, contour=contour)
    identity, expression = like.identity, like.expression
    if identity is not None:
        identity = replace(identity, std=torch.full_like(identity.std, torch.inf))
    if expression is not None:
        std, jaw_std = (torch.full_like(one, torch.inf) for one in (expression.std, expression.jaw_std))
        expression = replace(expression, std=std, jaw_std=jaw_std)
    bare, seen = face.evidence()[None], torch.zeros(1, dtype=torch.bool)
    return replace(bare, dense=dense, identity=identity, expression=expression, seen=seen)


def _rows(evidence: FaceEvidence, count: int) -> list[FaceEvidence]:
    """Each row by itself, said to be seen."""
    return [replace(evidence[row : row + 1], seen=torch.ones(1, dtype=torch.bool)) for row in range(count)]


def _batches(ref: InputRef, config: FitInputConfig) -> Iterator[list[Frame]]:
    """Frames in batches. What was decoded before an InputError comes first, then the error."""
    frames, failure = iter_frames(ref, config.frame_step), None
    with tqdm(desc="tracking", unit="frame", dynamic_ncols=True) as bar:
        while failure is None:
            batch: list[Frame] = []
            try:
                for frame in islice(frames, config.batch_size):
                    batch.append(frame)  # noqa: PERF402 - what came before an error is kept
            except InputError as error:
                failure = error
            if batch:
                yield batch
                bar.update(len(batch))
            elif failure is None:
                return
    raise failure
