"""Small students with random weights, their files, and crops to try them on."""

from __future__ import annotations

import numpy as np
import torch

from shared.geometry.camera import Camera
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.records.tensor_record import stack
from student.config import ExportConfig, StudentNetworkConfig
from student.deploy.crops import Crops, SeenFace, crops_of
from student.deploy.describe import describe
from student.deploy.run import Exporter
from student.head.predictor import Predictor, TorchNetwork
from student.network.encoder import build_encoder
from student.network.model import HeadLayout, StudentNetwork
from student.network.weights import TrainedStudent
from tests.student.heads import cameras, landmarks_of, open_head, random_params

_SMALL = {"backbone": "mobilenetv4_conv_small_050", "pretrained": "none", "size": 64, "width": 32, "layers": 1}
FORMS = {
    "both": StudentNetworkConfig(**_SMALL),
    "picture": StudentNetworkConfig(**_SMALL, landmarks=False, blendshapes=False),
    "landmarks": StudentNetworkConfig(backbone="none", width=32, layers=1),
}


def predictor_of(form: str) -> Predictor:
    """With layers that start at zero moved off it, so that every input has an effect."""
    torch.manual_seed(0)
    config = FORMS[form]
    network = StudentNetwork(config, HeadLayout.of(open_head(), config.tolerance_m), build_encoder(config)).eval()
    for layer in (network.output, network.linear_skip):
        if layer is not None:
            torch.nn.init.normal_(layer.weight, std=0.05)
    made = {"training": {"steps": 0}, "licence": "Apache-2.0"}
    return Predictor(TorchNetwork(TrainedStudent(network, open_head().assets.head_id, made)), open_head())


def network_of(predictor: Predictor) -> StudentNetwork:
    """In torch."""
    assert isinstance(predictor.network, TorchNetwork)
    return predictor.network.student.network


def faces(count: int, seed: int = 1) -> list[SeenFace]:
    """Noise around landmarks of random heads."""
    params, camera = random_params(count, seed), cameras(count)
    marks, rng = landmarks_of(params, camera), np.random.default_rng(seed)
    images = rng.integers(0, 255, (count, *camera.size, 3), dtype=np.uint8)
    units = 0.2 * torch.from_numpy(rng.random((count, N_BLENDSHAPES), np.float32))
    return [SeenFace(images[row], marks[row], units[row], camera[row]) for row in range(count)]


def crops(predictor: Predictor, count: int, seed: int = 1) -> Crops:
    return crops_of(faces(count, seed), predictor)


def exporter_of(predictor: Predictor, said: list[str]) -> Exporter:
    assert isinstance(predictor.network, TorchNetwork)
    return Exporter(predictor, describe(predictor.network.student), crops(predictor, 4), said.append)


def options(out: object, **changes: object) -> ExportConfig:
    return ExportConfig(out=str(out), checked=4, calibrated=4, **changes)  # type: ignore[arg-type]


def whole_pictures(seen: list[SeenFace]) -> tuple[list[np.ndarray], torch.Tensor, Camera]:
    """Pictures, landmarks (B, 478, 2) and cameras (B) as `Predictor.predict` takes them."""
    return [face.image for face in seen], torch.stack([f.landmarks_px for f in seen]), stack([f.camera for f in seen])
