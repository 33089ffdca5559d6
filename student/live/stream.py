"""One face through a stream, frame by frame: where it is, what the network predicts, refined and filtered."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.flame.landmark_error import LandmarkError
from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.rotation import axis_angle_to_matrix
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.plugins.refine import InitialHead
from student.head.pose import FacePose, SightPose
from student.head.predictor import Predictor
from student.live.posing import FacePosing
from student.live.smoothing import HeadSmoother
from student.live.stages import StageTimes
from student.live.tracker import FaceRegion, FaceTracker
from student.network.records import PicturePrediction, StudentOutput

STAGES = ("wait", "track", "crop", "network", "decode", "refine", "filter", "check", "draw", "write", "latency")
_NO_LANDMARKS = np.full((N_MEDIAPIPE, 2), np.nan, np.float32)
_NO_BLENDSHAPES = np.full(N_BLENDSHAPES, np.nan, np.float32)
Refine = Callable[[InitialHead, Tensor], FlameParams]


@dataclass(frozen=True, eq=False)
class LiveHead:
    """The head of a frame."""

    params: FlameParams  # (1) in the world of the full picture's camera
    mesh_landmarks_px: np.ndarray  # (478, 2) float32, MediaPipe's points on it, full picture; NaN where it has none
    detected_landmarks_px: np.ndarray  # (478, 2) float32, the landmarker's in this frame; NaN if it was not asked
    presence: float  # the landmarker's probability of a face, when it was asked last
    landmark_error: float  # to those, share of the eye distance seen from the front; NaN if it was not asked
    follows: bool  # goes on from the frame before
    # (52,) of this frame, in the order of `shared.landmarker.blendshapes.BLENDSHAPE_NAMES`; NaN if it was not asked
    blendshapes: np.ndarray


class HeadStream:
    """Predicts the heads of a stream. Not to be shared between threads.

    Args:
        predictor: of the network.
        posing: of its heads.
        tracker: that says where the face is.
        smoother: None leaves every frame as it was predicted.
        refine: brings predictions (1) onto MediaPipe's landmarks (1, 478, 2); the tracker must ask for them each frame.
        times: of the stages.
    """

    def __init__(
        self,
        predictor: Predictor,
        posing: FacePosing,
        tracker: FaceTracker,
        smoother: HeadSmoother | None,
        refine: Refine | None,
        times: StageTimes,
    ) -> None:
        self._predictor, self._poser, self._tracker = predictor, posing, tracker
        self._smoother, self._refine, self._times = smoother, refine, times
        self._was_found = False  # of the frame before
        self._error = LandmarkError(predictor.decoder.known.tolist())

    @property
    def runs_ahead(self) -> bool:
        """Whether `place` may be asked, in another thread, before `predict` is done with the frames before."""
        return self._tracker.runs_ahead

    def __call__(self, image: np.ndarray, camera: Camera, time_s: float, starts_shot: bool = False) -> LiveHead | None:
        """The head of the next frame; None where no face is seen.

        Args:
            image: (H, W, 3) uint8 RGB.
            camera: (1) of it.
            time_s: later than that of the frame before.
            starts_shot: nothing leads here from the frame before.
        """
        return self.predict(image, self.place(image, time_s, starts_shot), camera, time_s)

    def place(self, image: np.ndarray, time_s: float, starts_shot: bool = False) -> FaceRegion | None:
        """Where the face is in the next frame: the first half of a call."""
        start = time.perf_counter()
        place = self._tracker.place(image, time_s, starts_shot)
        self._times.add("track", time.perf_counter() - start)
        return place

    def predict(self, image: np.ndarray, place: FaceRegion | None, camera: Camera, time_s: float) -> LiveHead | None:
        """The head there: the second half."""
        with torch.inference_mode():
            head = None if place is None else self._head(image, place, camera, time_s)
            if head is None and place is not None and place.follows:  # lost where it was: is it elsewhere?
                with self._times("check"):
                    place = self._tracker.again(image, time_s)
                head = None if place is None else self._head(image, place, camera, time_s)
        self._was_found = head is not None
        if head is None and self._smoother is not None:
            self._smoother.restart()
        return head

    def _head(self, image: np.ndarray, place: FaceRegion, camera: Camera, time_s: float) -> LiveHead | None:
        """The head at a place; None if it turns out to be no face."""
        times, predictor = self._times, self._predictor
        marks = None if place.landmarks_px is None else torch.from_numpy(place.landmarks_px)[None]
        units = None if place.blendshapes is None else torch.from_numpy(place.blendshapes)[None]
        with times("crop"):
            crop = predictor.crop(torch.from_numpy(place.around_px)[None])
            inputs = predictor.inputs([image], crop, marks, camera, units)
        with times("network"):
            prediction = in_picture(predictor.network(inputs), crop)
        if self._refine is not None and marks is not None:
            with times("refine"):
                prediction = self._refined(prediction, marks, camera)
        if self._smoother is not None:
            with times("filter"):
                if not place.follows:
                    self._smoother.restart()
                prediction = self._smoother(prediction, float(camera.focal_px[0].mean()), time_s)
        with times("decode"):
            face = self._poser(prediction, camera)
            seen = place.landmarks_px
            error = math.nan
            if seen is not None:
                error = self._error(face.mesh_landmarks_px, seen) * _across(face.params, camera)
        with times("check"):
            if not self._tracker.confirm(image, place, face.mesh_landmarks_px, float(prediction.log_std.mean())):
                return None
        blendshapes = _NO_BLENDSHAPES if place.blendshapes is None else place.blendshapes
        detected = _NO_LANDMARKS if place.landmarks_px is None else place.landmarks_px
        follows = place.follows and self._was_found
        return LiveHead(face.params, face.mesh_landmarks_px, detected, place.presence, error, follows, blendshapes)

    def _refined(self, prediction: PicturePrediction, landmarks_px: Tensor, camera: Camera) -> PicturePrediction:
        decoder, basis = self._predictor.decoder, self._predictor.spec.basis
        unrefined = decoder.params_in_picture(prediction, camera)
        assert self._refine is not None
        params = self._refine(InitialHead(unrefined, camera, *prediction.std()), landmarks_px)
        pose = FacePose.of(params, camera, decoder.model, self._predictor.spec.anchor_m)
        sight = SightPose.of(pose, camera.focal_px.mean(-1), camera.center_px)
        return replace(
            prediction,
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


def _across(params: FlameParams, camera: Camera) -> float:
    """How much of its width the face shows: 1 from the front, 0 in profile. An error is a share of that width."""
    rotation = axis_angle_to_matrix(params.global_rot[0]) @ axis_angle_to_matrix(params.neck[0])
    return float((camera.T_cam_world[0, :3, :3] @ rotation[:, 0])[:2].norm())


def in_picture(output: StudentOutput, crop: Crop) -> PicturePrediction:
    """Predictions for crops (B), placed in the full picture: only place and size change."""
    placed = {
        "anchor_px": crop.invert(output.anchor_px[:, None])[:, 0],
        "log_scale": output.log_scale - crop.affine[:, 0, 0].log(),
    }
    return PicturePrediction(**{**vars(output), **placed})
