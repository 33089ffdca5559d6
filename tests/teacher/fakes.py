"""Stand-ins for detector and fitter: quick, and a function of the picture alone."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.images.faces import DetectedFace
from shared.quality.metrics import HeadMetrics
from teacher.evidence.records import FaceEvidence, FitResult, TermEnergies
from teacher.fitting.fitter import ParameterSharing
from teacher.pipeline.tools import Tools
from teacher.quality.part_confidence import PartConfidence
from tests.tiny_head import tiny_head


class FakeDetector:
    """A face in the middle of every picture that is not black, a little elsewhere by the picture's colour."""

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        """One face or none."""
        if image.max() < 20:
            return []
        height, width = image.shape[:2]
        points = np.random.default_rng(0).uniform(0.3, 0.7, (N_MEDIAPIPE, 2)) * (width, height)
        points[33], points[263] = (0.4 * width, 0.5 * height), (0.6 * width, 0.5 * height)
        points = (points + image.mean((0, 1))[:2] / 50).astype(np.float32)
        box = np.concatenate([points.min(0), points.max(0)])
        return [DetectedFace(points, np.zeros(N_MEDIAPIPE, np.float32), box, 0.9, 0.9, (height, width))]


class FakeFitter:
    """Codes from where the crop lies."""

    def __init__(self, model: FlameModel, seconds: float = 0.0) -> None:
        self.model, self.seconds = model, seconds

    def fit_together(self, evidence: FaceEvidence, sharing: ParameterSharing) -> FitResult:
        """As `HeadFitter.fit_together`, except that nothing is shared."""
        return self.fit(evidence)

    def initial_params(self, evidence: FaceEvidence) -> FlameParams:
        """As `HeadFitter.initial_params`."""
        return self.model.neutral_params(len(evidence.landmarks_px))

    def fit(self, evidence: FaceEvidence) -> FitResult:
        """As `HeadFitter.fit`."""
        time.sleep(self.seconds * len(evidence.landmarks_px))
        batch = len(evidence.landmarks_px)
        params = self.model.neutral_params(batch)
        params.translation[:, 2] = -0.5
        params.shape[:, 0] = evidence.camera.center_px[:, 0].sin()  # differs from picture to picture
        return FitResult(
            params=params,
            camera=evidence.camera,
            landmark_error=torch.full((batch,), 0.02),
            eye_distance_m=torch.full((batch,), 0.062),
            code_rms=torch.ones(batch, 2),
            energy=torch.ones(batch),
            terms=TermEnergies(("landmarks",), torch.ones(batch, 1)),
            steps=torch.ones(batch, dtype=torch.int64),
            converged=torch.ones(batch, dtype=torch.bool),
        )


def fake_tools(seconds: float = 0.0) -> Tools:
    """Tools on the tiny head."""
    model = FlameModel(tiny_head())
    metrics, parts = HeadMetrics.of(model), PartConfidence.of(model, None)
    return Tools(model, FakeFitter(model, seconds), None, metrics, parts, FakeDetector, torch.device("cpu"))


def make_photos(folder: Path, count: int, size: tuple[int, int] = (120, 160)) -> list[str]:
    """Small pictures of different colours, (height, width) ``size``; their names in order."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number in range(count):
        colour = np.random.default_rng(number).integers(40, 250, 3)
        image = np.broadcast_to(colour.astype(np.uint8), (*size, 3))
        names.append(f"{number:04d}.jpg")
        Image.fromarray(np.ascontiguousarray(image)).save(folder / names[-1])
    return names
