"""The landmarker's trunk as the student's encoder: its weights, its input, and a prior's instead."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import pytest
import torch

from shared.networks.backbones import create_backbone
from shared.networks.face_trunk import NAME, FaceTrunk
from shared.records.tensor_files import write_tensors
from student.config import StudentNetworkConfig
from student.head.predictor import Predictor, TorchNetwork
from student.network.encoder import encoder_of_prior, pretrained_encoder
from student.network.model import HeadLayout, StudentNetwork
from student.network.records import StudentInput
from student.network.weights import TrainedStudent, load_student, save_student
from tests.student.exported import exporter_of, options
from tests.student.heads import open_head


def trunk_config(size: int) -> StudentNetworkConfig:
    return StudentNetworkConfig(backbone=NAME, pretrained="landmarker", size=size, width=32, layers=1)


def trunk_student(size: int) -> StudentNetwork:
    torch.manual_seed(0)
    config = trunk_config(size)
    return StudentNetwork(config, HeadLayout.of(open_head(), config.tolerance_m), pretrained_encoder(config)).eval()


def inputs(size: int, image: torch.Tensor) -> StudentInput:
    count = len(image)
    return StudentInput(
        image=image,
        landmarks_px=size * torch.rand(count, 478, 2, generator=torch.Generator().manual_seed(0)),
        has_landmarks=torch.zeros(count, dtype=torch.bool),
        blendshapes=torch.full((count, 52), torch.nan),
        focal_px=torch.full((count,), 3.0 * size),
    )


@pytest.mark.parametrize("size", [192, 256])
def test_it_sees_pictures_as_the_landmarker_does(size: int) -> None:
    network = trunk_student(size)
    image = torch.randint(0, 255, (2, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    given = inputs(size, image)
    with torch.inference_mode():
        features = network.features(given)
        expected = FaceTrunk(5).load_asset()(image.float() / 255)
        output = network(given)
    for one, other in zip(features, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    assert features[-1].shape[-2:] == (size // 32, size // 32)
    assert all(bool(value.isfinite().all()) for value in vars(output).values())


def test_its_weights_are_the_landmarkers_unless_none_are_asked_for() -> None:
    theirs = FaceTrunk(5).load_asset().state_dict()
    ours, scratch = (
        pretrained_encoder(StudentNetworkConfig(backbone=NAME, pretrained=pretrained))
        for pretrained in ("landmarker", "none")
    )
    assert ours is not None
    assert scratch is not None
    assert all(torch.equal(value, theirs[key]) for key, value in ours.state_dict().items())
    assert not torch.equal(next(scratch.parameters()), next(ours.parameters()))


def test_a_priors_trunk_is_taken_over_without_its_channels_for_landmarks(tmp_path: Path) -> None:
    torch.manual_seed(1)
    theirs = create_backbone(NAME, 9).state_dict()
    tensors = {f"backbone.{key}": value for key, value in theirs.items()}
    path = write_tensors(tmp_path / "prior.safetensors", tensors, {
        "schema": "pixel3dmm-distill/prior/1", "network": {"backbone": NAME},
    })  # fmt: skip
    encoder = encoder_of_prior(NAME, path)
    for key, value in encoder.state_dict().items():
        assert torch.equal(value, theirs[key][:, :3] if value.ndim == 4 and value.shape[1] == 3 else theirs[key]), key
    assert next(encoder.parameters()).shape[1] == 3


def test_a_file_of_it_is_loaded_again(tmp_path: Path) -> None:
    network = trunk_student(192)
    back = load_student(str(save_student(tmp_path / "a.safetensors", network, "head", {}))).network
    assert back.config == network.config
    image = torch.rand(1, 3, 192, 192, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        pairs = zip(network.features(inputs(192, image)), back.features(inputs(192, image)), strict=True)
        assert all(torch.allclose(one, other, rtol=0, atol=1e-2 * float(one.abs().max())) for one, other in pairs)


@pytest.mark.slow
def test_it_is_exported_in_32_and_in_8_bits(tmp_path: Path) -> None:
    network = trunk_student(192)
    torch.nn.init.normal_(network.output.weight, std=0.01)
    trained = TrainedStudent(network, open_head().assets.head_id, {})
    said: list[str] = []
    files = exporter_of(Predictor(TorchNetwork(trained), open_head()), said).write(options(tmp_path, quantise="static"))
    assert [file.name for file in files] == ["student.onnx", "student_int8.onnx"]
    kernels = [one for one in onnx.load(files[1]).graph.initializer if len(one.dims) == 4]
    assert kernels
    assert all(one.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8) for one in kernels)
    off = [float(re.search(r"off by ([\d.]+) mm", line)[1]) for line in said if "int8" in line]  # type: ignore[index]
    assert len(off) == 3
    assert max(off) < 1.0
