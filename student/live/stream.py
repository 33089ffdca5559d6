"""One face through a stream, frame by frame: where it is, what the network tells of it, refined and filtered."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.params import FlameParams
from shared.flame.points import FlamePoints
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.rotation import axis_angle_to_matrix
from shared.refine import HeadGuess
from student.live.landmark_error import LandmarkError
from student.live.smoothing import HeadSmoother
from student.live.stages import StageTimes
from student.live.tracker import FaceTracker, Place
from student.pose import FacePose, SightPose
from student.predictor import Predictor
from student.records import StudentOutput

STAGES = ("wait", "track", "crop", "network", "decode", "refine", "filter", "draw", "write", "latency")
Refine = Callable[[HeadGuess, Tensor], FlameParams]


@dataclass(frozen=True, eq=False)
class LiveHead:
    """The head of a frame."""

    params: FlameParams  # (1) in the world of the full picture's camera
    landmarks_px: np.ndarray  # (478, 2) float32, MediaPipe's points on it, full picture; 0 where the head has none
    score: float  # MediaPipe's for a face, when it was asked last
    landmark_error: float  # to MediaPipe's points of this frame, share of the eye distance; NaN if it was not asked
    follows: bool  # goes on from the frame before


class HeadStream:
    """Tells the heads of a stream. Not to be shared between threads.

    Args:
        predictor: of the network.
        tracker: that says where the face is.
        smoother: None leaves every frame as it is told.
        refine: makes guesses (1) better by MediaPipe's landmarks (1, 478, 2); the tracker must ask for them each frame.
        times: of the stages.
    """

    def __init__(
        self,
        predictor: Predictor,
        tracker: FaceTracker,
        smoother: HeadSmoother | None,
        refine: Refine | None,
        times: StageTimes,
    ) -> None:
        self._predictor, self._tracker, self._smoother, self._refine = predictor, tracker, smoother, refine
        self._times = times
        model, spec = predictor.decoder.model, predictor.spec
        known, embedding = mediapipe_embedding(model.assets)
        self._known = known.numpy()
        self._error = LandmarkError(known.tolist())
        self._points = FlamePoints.from_embedding(model, embedding).with_basis(spec.basis)

    def __call__(self, image: np.ndarray, camera: Camera, time_s: float, starts_shot: bool = False) -> LiveHead | None:
        """The head of the next frame; None where no face is seen.

        Args:
            image: (H, W, 3) uint8 RGB.
            camera: (1) of it.
            time_s: later than that of the frame before.
            starts_shot: nothing leads here from the frame before.
        """
        with torch.inference_mode():
            place = self._timed_place(image, time_s, starts_shot)
            head = None if place is None else self._tell(image, place, camera, time_s)
            if head is None and place is not None and place.follows:  # lost where it was: is it elsewhere?
                with self._times("track"):
                    place = self._tracker.search(image, time_s)
                head = None if place is None else self._tell(image, place, camera, time_s)
        if head is None and self._smoother is not None:
            self._smoother.restart()
        return head

    def _timed_place(self, image: np.ndarray, time_s: float, starts_shot: bool) -> Place | None:
        with self._times("track"):
            return self._tracker.place(image, time_s, starts_shot)

    def _tell(self, image: np.ndarray, place: Place, camera: Camera, time_s: float) -> LiveHead | None:
        """The head at a place; None if it turns out to be no face."""
        times, predictor = self._times, self._predictor
        marks = None if place.landmarks_px is None else torch.from_numpy(place.landmarks_px)[None]
        with times("crop"):
            crop = predictor.crop(torch.from_numpy(place.around_px)[None])
            inputs = predictor.inputs([image], crop, marks, camera)
        with times("network"):
            told = in_picture(predictor.network(inputs), crop)
        if self._refine is not None and marks is not None:
            with times("refine"):
                told = self._refined(told, marks, camera)
        if self._smoother is not None:
            with times("filter"):
                if not place.follows:
                    self._smoother.restart()
                told = self._smoother(told, float(camera.focal_px[0].mean()), time_s)
        with times("decode"):
            params = predictor.decoder.params(told, _whole(camera), camera)
            landmarks = self._landmarks(params, told, camera)
            error = math.nan if place.landmarks_px is None else self._error(landmarks, place.landmarks_px)
        complete = len(self._known) == N_MEDIAPIPE
        around = landmarks if complete or place.landmarks_px is None else place.landmarks_px
        with times("track"):
            if not self._tracker.confirm(image, place, around, float(told.log_std.mean())):
                return None
        return LiveHead(params, landmarks, place.score, error, place.follows)

    def _refined(self, told: StudentOutput, landmarks_px: Tensor, camera: Camera) -> StudentOutput:
        decoder, basis = self._predictor.decoder, self._predictor.spec.basis
        sizes = [told.shape.shape[1], told.expression.shape[1], 3]
        guess = HeadGuess(decoder.params(told, _whole(camera), camera), camera, *told.log_std.exp().split(sizes, -1))
        assert self._refine is not None
        params = self._refine(guess, landmarks_px)
        pose = FacePose.of(params, camera, decoder.model, self._predictor.spec.anchor_m)
        sight = SightPose.of(pose, camera.focal_px.mean(-1), camera.center_px)
        return replace(
            told,
            shape=params.shape @ basis.shape,
            expression=params.expression @ basis.expression,
            eyelids=params.eyelids,
            neck=params.neck,
            jaw=params.jaw,
            eyes=params.eyes,
            R_sight_face=sight.R_sight_face,
            anchor_px=sight.anchor_px,
            log_scale=sight.log_scale,
        )

    def _landmarks(self, params: FlameParams, told: StudentOutput, camera: Camera) -> np.ndarray:
        codes = torch.cat([told.shape, told.expression, told.eyelids], 1)
        turns = torch.stack([params.global_rot, params.neck, params.jaw, *params.eyes.unbind(1)], 1)
        posed = self._points.pose(codes, axis_angle_to_matrix(turns), params.translation).position
        landmarks = np.zeros((N_MEDIAPIPE, 2), np.float32)
        landmarks[self._known] = camera.project(posed)[0].numpy()
        return landmarks


def in_picture(told: StudentOutput, crop: Crop) -> StudentOutput:
    """What was told of crops (B), in pixels of the full picture: only place and size change."""
    return replace(
        told,
        anchor_px=crop.invert(told.anchor_px[:, None])[:, 0],
        log_scale=told.log_scale - crop.affine[:, 0, 0].log(),
    )


def _whole(camera: Camera) -> Crop:
    """The picture as a crop of itself."""
    return Crop(torch.eye(3)[:2].expand(len(camera.focal_px), 2, 3), camera.size)
