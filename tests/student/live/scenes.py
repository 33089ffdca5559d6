"""Clips whose truth is known, and parts that know it: a network, a detector and a follower that read the picture.

A picture says where each of its pixels is (red: column, green: row) and which frame it is (blue), so that a crop of it
says where it was cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.images.decode import Frame
from shared.images.faces import DetectedFace, box_area
from shared.landmarker.boxes import iou
from shared.records.tensor_record import stack
from student.config import InferConfig, StudentNetworkConfig
from student.head.decoder import StudentSpec
from student.head.pose import FacePose, SightPose
from student.head.predictor import Predictor
from student.inference.tools import Tools
from student.live.drawing import HeadPainter
from student.live.posing import FacePosing
from student.network.records import StudentInput, StudentOutput
from tests.tiny_head import tiny_head

SIDE, RATE_HZ, FOCAL_PX = 240, 30.0, 300.0
ANCHOR_M = torch.tensor([0.0, 0.02, 0.05])


@cache
def model() -> FlameModel:
    return FlameModel(tiny_head())


def camera() -> Camera:
    return Camera.at_origin(torch.tensor(FOCAL_PX), (SIDE, SIDE))


def picture(number: int, side: int = SIDE) -> np.ndarray:
    """The frame of that number; see the module."""
    row, column = np.mgrid[:side, :side]
    return np.stack([column, row, np.full_like(row, number)], -1).astype(np.uint8)


def frames_of(count: int, start: int = 0) -> list[Frame]:
    return [Frame(picture(n), f"clip/{n:06d}", "clip.mp4", n / RATE_HZ, None, n) for n in range(start, start + count)]


def moving(count: int, x_m: float = 0.0, sway_m: float = 0.02) -> FlameParams:
    """(T) a head that sways, turns and changes its expression."""
    time = torch.arange(count) / RATE_HZ
    wave = torch.sin(2 * torch.pi * 0.5 * time)
    still = model().neutral_params(count)
    return replace(
        still,
        shape=torch.linspace(-1, 1, model().n_shape).expand(count, -1),
        expression=0.5 * wave[:, None] * torch.ones(model().n_expression),
        global_rot=torch.stack([0.1 * wave, 0.4 * wave, 0 * wave], 1),
        jaw=torch.stack([0.1 * wave.abs(), 0 * wave, 0 * wave], 1),
        translation=torch.stack([x_m + sway_m * wave, 0 * wave, -0.6 + 0.02 * wave], 1),
    )


def landmarks_of(params: FlameParams) -> np.ndarray:
    """(T, 478, 2) pixels."""
    assets = model().assets
    places = assets.landmarks["mediapipe"].positions(model()(params).verts_m, assets.faces)
    return stack([camera()] * len(places)).project(places).numpy()


def face_at(landmarks_px: np.ndarray, score: float = 0.9) -> DetectedFace:
    box = np.concatenate([landmarks_px.min(0), landmarks_px.max(0)]).astype(np.float32)
    return DetectedFace(landmarks_px.astype(np.float32), np.zeros(478, np.float32), box, score, 0.99, (SIDE, SIDE))


@dataclass
class TrueDetector:
    """Detector and follower of a clip: ``faces[n]`` are the landmarks (478, 2) of those in frame n."""

    faces: Sequence[Sequence[np.ndarray]]
    searched: list[int] = field(default_factory=list)  # frames in which it was asked, in order
    followed: list[int] = field(default_factory=list)

    def _there(self, image: np.ndarray) -> list[DetectedFace]:
        found = [face_at(landmarks) for landmarks in self.faces[int(image[0, 0, 2])]]
        return sorted(found, key=box_area, reverse=True)

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        self.searched.append(int(image[0, 0, 2]))
        return self._there(image)

    def glance(self, image: np.ndarray) -> list[DetectedFace]:
        return self._there(image)

    def track(self, image: np.ndarray, around_px: np.ndarray) -> DetectedFace | None:
        self.followed.append(int(image[0, 0, 2]))
        box = face_at(around_px).box_px
        near = [face for face in self._there(image) if iou(face.box_px, box) > 0.3]
        return max(near, key=lambda face: iou(face.box_px, box), default=None)


class TrueNetwork:
    """Predicts the truth of the frame and place that it sees, and noise on top."""

    def __init__(self, params: FlameParams, landmarks: bool, noise: float = 0.0) -> None:
        config = StudentNetworkConfig(backbone="stub", size=128, landmarks=landmarks, blendshapes=landmarks)
        basis = CodeBasis(torch.eye(model().n_shape), torch.eye(model().n_expression))
        self.spec = StudentSpec(config, basis, ANCHOR_M, model().assets.head_id)
        self.params, self.noise = params, noise
        self._random = torch.Generator().manual_seed(0)
        self.log_std = torch.full((len(params.jaw), model().n_shape + model().n_expression + 3), -2.0)

    def __call__(self, inputs: StudentInput) -> StudentOutput:
        half = self.spec.config.size // 2
        # Many pixels, so that their rounding to 8 bits does not show.
        middle = 255 * inputs.image[:, :, half - 12 : half + 12, half - 12 : half + 12].mean((2, 3))
        number = middle[:, 2].round().long().clamp(0, len(self.params.jaw) - 1)
        true, own = self.params[number], stack([camera()] * len(number))
        sight = SightPose.of(FacePose.of(true, own, model(), ANCHOR_M), own.focal_px.mean(-1), own.center_px)
        scale = inputs.focal_px / FOCAL_PX
        return StudentOutput(
            shape=self._noisy(true.shape),
            expression=self._noisy(true.expression),
            eyelids=true.eyelids,
            neck=true.neck,
            jaw=true.jaw,
            eyes=true.eyes,
            R_sight_face=sight.R_sight_face,
            anchor_px=(sight.anchor_px - middle[:, :2] - 0.5) * scale[:, None] + half,
            log_scale=self._noisy(sight.log_scale + scale.log()),
            log_std=self.log_std[number],
        )

    def _noisy(self, values: Tensor) -> Tensor:
        return values + self.noise * torch.randn(values.shape, generator=self._random)


def tools(network: TrueNetwork, detector: TrueDetector, **options: object) -> Tools:
    """A run with these parts."""
    config = InferConfig(input="clip.mp4", out="unused", focal_px=FOCAL_PX, **options)  # type: ignore[arg-type]
    predictor = Predictor(network, model(), config.landmarks)
    return Tools(
        config, predictor, FacePosing.in_torch(predictor.decoder), HeadPainter(model().assets), None, detector, detector
    )
