"""What a run of the student needs, built once from its options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.images.faces import FaceDetector
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.plugins.refine import CoefficientBasis, InitialHead, load_refiner
from shared.runs.device import choose_device
from shared.runs.errors import UserError
from student.config import InferConfig
from student.deploy.open_network import open_network
from student.head.judge import HeadJudge
from student.head.predictor import Network, Predictor, TorchNetwork
from student.live.drawing import HeadPainter
from student.live.posing import FacePosing
from student.live.smoothing import HeadSmoother
from student.live.stages import StageTimes
from student.live.stream import HeadStream
from student.live.tracker import Follower, HeadLedTracker, LandmarkLedTracker


@dataclass(frozen=True, eq=False)
class Tools:
    """Of one run."""

    config: InferConfig
    predictor: Predictor
    posing: FacePosing
    painter: HeadPainter
    refine: Callable[[InitialHead, Tensor], FlameParams] | None
    detector: FaceDetector
    follower: Follower

    @cached_property
    def judge(self) -> HeadJudge:
        """The quality gate."""
        return HeadJudge(self.predictor.decoder, self.config.quality)

    @property
    def model(self) -> FlameModel:
        """The head."""
        return self.predictor.decoder.model

    def stream(self, times: StageTimes) -> HeadStream:
        """For a new clip or camera."""
        config = self.config
        known = self.predictor.decoder.known
        asks = self.predictor.sees_landmarks or self.refine is not None or len(known) < N_MEDIAPIPE
        led = LandmarkLedTracker if asks else HeadLedTracker
        tracker = led(self.detector, self.follower, config.track)
        smoother = HeadSmoother(config.filters) if config.smooth else None
        return HeadStream(self.predictor, self.posing, tracker, smoother, self.refine, times)


def build_tools(config: InferConfig) -> Tools:
    """Open everything. UserError if weights, head and refiner cannot be had, or do not belong together."""
    model = FlameModel(load_flame(config.flame))
    network = fastest(open_network(config.checkpoint, choose_device(config.device)), config, model)
    from shared.landmarker.search import FaceLandmarker
    from shared.landmarker.tracker import LandmarkTracker

    return tools_of(config, network, model, FaceLandmarker(stills=config.stills), LandmarkTracker())


def fastest(network: Network, config: InferConfig, model: FlameModel) -> Network:
    """The network in the runtime that the options ask for: on the CPU, ONNX Runtime is twice as fast and more."""
    wanted = config.runtime == "onnx" or (config.runtime == "auto" and choose_device(config.device).type == "cpu")
    if not wanted or not isinstance(network, TorchNetwork) or network.spec.head_id != model.assets.head_id:
        return network
    from student.deploy.onnx_network import OnnxNetwork  # takes half a second to import

    return OnnxNetwork.of(network.student, model.assets)


def tools_of(
    config: InferConfig, network: Network, model: FlameModel, detector: FaceDetector, follower: Follower
) -> Tools:
    """The same of given parts, warmed up, as first calls are slow. UserError as of `build_tools`."""
    try:
        predictor = Predictor(network, model, config.landmarks)
    except ValueError as error:
        raise UserError(f"checkpoint={config.checkpoint}: {error}") from error
    refine = None
    if config.refine:
        basis = predictor.spec.basis
        refiner = load_refiner(model, CoefficientBasis(basis.shape, basis.expression), config.refiner)
        refine = partial(refiner, steps=config.refine)
    decoder = predictor.decoder
    posing = FacePosing.in_torch(decoder) if config.runtime == "torch" else FacePosing.in_onnx(decoder)
    painter = HeadPainter(model.assets)
    _warm_up(predictor, painter)
    return Tools(config, predictor, posing, painter, refine, detector, follower)


def _warm_up(predictor: Predictor, painter: HeadPainter) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    camera = Camera.at_origin(torch.tensor([80.0]), (64, 64))
    around = 32 + 12 * torch.rand(1, N_MEDIAPIPE, 2, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        heads = predictor.predict([image], around, around, camera, torch.full((1, N_BLENDSHAPES), 0.1))
        front = heads.verts_m[0] - heads.verts_m[0].mean(0) + torch.tensor([0.0, 0.0, -0.6])
        painter(image, front, camera[0])
