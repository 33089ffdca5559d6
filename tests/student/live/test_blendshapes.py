"""The network is handed the blendshapes that the landmarker found, wherever it is used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.config import CameraConfig
from shared.images.decode import Frame
from shared.images.faces import DetectedFace
from shared.images.source import InputRef
from student.api import Student
from student.head.predictor import Predictor
from student.inference.clip import run_clip
from student.inference.photo import heads_of
from student.network.records import StudentInput, StudentOutput
from tests.student.live.scenes import TrueDetector, TrueNetwork, frames_of, landmarks_of, model, moving, picture, tools

COUNT = 6
TRUTH = moving(COUNT)


def coefficients(number: int) -> np.ndarray:
    """(52,) of a frame."""
    return np.linspace(0, 1, 52, dtype=np.float32) / (number + 1)


class Detector(TrueDetector):
    """With blendshapes, but for one frame."""

    def _there(self, image: np.ndarray) -> list[DetectedFace]:
        number = int(image[0, 0, 2])
        known = None if number == 4 else coefficients(number)
        return [replace(face, blendshapes=known) for face in super()._there(image)]


class Network(TrueNetwork):
    """Keeps what it was given."""

    def __init__(self, landmarks: bool = True) -> None:
        super().__init__(TRUTH, landmarks)
        self.given: list[Tensor] = []

    def __call__(self, inputs: StudentInput) -> StudentOutput:
        self.given.append(inputs.blendshapes)
        return super().__call__(inputs)


def detector() -> Detector:
    return Detector([[marks] for marks in landmarks_of(TRUTH)])


@pytest.mark.parametrize("landmarks", [True, False])
def test_of_each_frame_of_a_clip(tmp_path: Path, landmarks: bool) -> None:
    network = Network()
    parts = tools(network, detector(), landmarks=landmarks, overlay=False)
    run_clip(InputRef("video", "clip.mp4", "clip.mp4"), tmp_path, parts, iter(frames_of(COUNT)))
    assert len(network.given) == COUNT
    for number, given in enumerate(network.given):
        known = landmarks and number != 4
        expected = coefficients(number) if known else np.full(52, np.nan, np.float32)
        np.testing.assert_array_equal(given[0].numpy(), expected)


def test_of_a_photo_and_from_python() -> None:
    network = Network()
    parts = tools(network, detector())
    (face,) = parts.detector.detect(picture(2))
    heads_of(Frame(picture(2), "a", "a.png"), [face], parts)
    student = Student(Predictor(network, model()), CameraConfig(), "largest")
    student.detector = parts.detector
    (head,) = student.infer(picture(3))
    assert head.blendshapes is not None
    for number, given in zip((2, 3), network.given, strict=True):
        np.testing.assert_array_equal(given[0].numpy(), coefficients(number))
    student.infer(picture(4))
    assert bool(torch.isnan(network.given[-1]).all())
