"""The network: what it starts from, what it looks at, and that its files hold all of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from shared.flame.model import FlameModel
from shared.geometry.crop import Crop
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.records.tensor_record import TensorRecord
from shared.runs.errors import UserError
from student.config import StudentNetworkConfig
from student.head.decoder import HeadDecoder
from student.head.predictor import Predictor, TorchNetwork
from student.network.encoder import build_encoder, pretrained_encoder
from student.network.model import HeadLayout, StudentNetwork
from student.network.records import StudentInput, StudentOutput
from student.network.weights import TrainedStudent, load_student, save_student
from tests.student.heads import cameras, landmarks_of, open_head, random_params
from tests.tiny_head import tiny_head

FORMS = {
    "both": StudentNetworkConfig(backbone="mobilenetv4_conv_small_050", pretrained="none", size=96, width=32),
    "picture": StudentNetworkConfig(
        backbone="mobilenetv4_conv_small_050",
        pretrained="none",
        size=96,
        width=32,
        landmarks=False,
        blendshapes=False,
    ),
    "landmarks": StudentNetworkConfig(backbone="none", width=32),
}


def network_of(form: str, disturbed: bool = False) -> StudentNetwork:
    torch.manual_seed(0)
    config = FORMS[form]
    network = StudentNetwork(config, HeadLayout.of(open_head(), config.tolerance_m), build_encoder(config)).eval()
    if disturbed:
        for parameter in network.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)
    return network


def trained(network: StudentNetwork) -> TorchNetwork:
    return TorchNetwork(TrainedStudent(network, open_head().assets.head_id, {}))


def differ(a: TensorRecord, b: TensorRecord) -> float:
    left, right = [], []
    a.detach().map(lambda t: left.append(t) or t)
    b.detach().map(lambda t: right.append(t) or t)
    return max(float((one - other).abs().max()) for one, other in zip(left, right, strict=True))


def inputs_of(network: StudentNetwork, count: int, seed: int = 0) -> StudentInput:
    generator = torch.Generator().manual_seed(seed)
    params, camera = random_params(count, seed), cameras(count)
    marks = landmarks_of(params, camera)
    crop = Crop.around(marks[:, :468], network.config.size, network.config.margin)
    image = torch.rand(count, 3, network.size, network.size, generator=generator)
    there = torch.ones(count, dtype=torch.bool)
    units = torch.rand(count, N_BLENDSHAPES, generator=generator)
    return StudentInput(image, crop.apply(marks), there, 500 * crop.affine[:, 0, 0], units)


def test_before_training_landmarks_alone_place_the_mean_head() -> None:
    """In closed form: within the weak perspective of a head 60 cm away."""
    network, model = network_of("landmarks"), open_head()
    params, camera = random_params(8, turn=0.4), cameras(8)
    mean = FlameModel.neutral_params(model, 8)
    params = type(mean)(**{**vars(mean), "global_rot": params.global_rot, "translation": params.translation})
    marks = landmarks_of(params, camera)
    heads = Predictor(trained(network), model).predict([], marks, marks, camera)
    corners = (marks[:, 33] - marks[:, 263]).norm(dim=1)
    assert ((heads.mesh_landmarks_px - marks).norm(dim=2).mean(1) / corners).max() < 0.06
    assert (heads.params.translation - params.translation).norm(dim=1).max() < 0.05


@pytest.mark.parametrize("form", FORMS)
def test_rows_do_not_depend_on_each_other(form: str) -> None:
    network = network_of(form, disturbed=True)
    inputs = inputs_of(network, 4)
    with torch.inference_mode():
        together, alone = network(inputs), network(inputs[2:3])
    assert differ(together[2:3], alone) < 1e-4


def test_each_form_looks_at_what_it_says() -> None:
    with torch.inference_mode():
        for form, (picture, marks) in {
            "both": (True, True), "picture": (True, False), "landmarks": (False, True)
        }.items():  # fmt: skip
            network = network_of(form, disturbed=True)
            inputs, other = inputs_of(network, 3), inputs_of(network, 3, seed=9)
            base: StudentOutput = network(inputs)
            changed = replace(inputs, image=other.image)
            assert (differ(base, network(changed)) > 1e-6) == picture
            changed = replace(inputs, landmarks_px=other.landmarks_px)
            assert (differ(base, network(changed)) > 1e-6) == marks
            changed = replace(inputs, blendshapes=other.blendshapes)
            assert (differ(base, network(changed)) > 1e-6) == marks


def test_landmarks_that_are_not_there_are_not_looked_at() -> None:
    network = network_of("both", disturbed=True)
    inputs, other = inputs_of(network, 3), inputs_of(network, 3, seed=9)
    none = torch.zeros(3, dtype=torch.bool)
    with torch.inference_mode():
        hidden = [network(replace(inputs, landmarks_px=marks, has_landmarks=none))
                  for marks in (inputs.landmarks_px, other.landmarks_px, torch.zeros(3, 478, 2))]  # fmt: skip
    assert differ(hidden[0], hidden[1]) == 0
    assert differ(hidden[0], hidden[2]) == 0
    assert all(torch.isfinite(value).all() for value in vars(hidden[2]).values())


def test_unknown_blendshapes_leave_the_row_and_its_gradient_finite() -> None:
    network = network_of("landmarks", disturbed=True)
    assert network.units is not None
    assert network.units.size > 5
    inputs = inputs_of(network, 3)
    known = network(inputs)
    some = inputs.blendshapes.clone()
    some[1] = torch.nan
    output = network(replace(inputs, blendshapes=some))
    assert differ(output[0:1], known[0:1]) == 0
    assert differ(output[1:2], known[1:2]) > 1e-6
    (output.shape.square().sum() + output.expression.square().sum()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is None or bool(torch.isfinite(parameter.grad).all()), name


def test_blendshapes_that_say_nothing_are_not_looked_at() -> None:
    network = network_of("landmarks", disturbed=True)
    assert network.units is not None
    inputs = inputs_of(network, 2)
    other = inputs.blendshapes.clone()
    blind = torch.ones(N_BLENDSHAPES, dtype=torch.bool)
    blind[network.units.rows] = False
    other[:, blind] = torch.nan
    with torch.inference_mode():
        assert differ(network(inputs), network(replace(inputs, blendshapes=other))) == 0


def test_heads_are_those_of_their_parameters() -> None:
    network, model = network_of("landmarks", disturbed=True), open_head()
    params, camera = random_params(3), cameras(3)
    marks = landmarks_of(params, camera)
    heads = Predictor(trained(network), model).predict([], marks, marks, camera)
    assert (model(heads.params).verts_m - heads.verts_m).norm(dim=-1).max() < 2e-5
    assert (landmarks_of(heads.params, camera) - heads.mesh_landmarks_px).norm(dim=-1).max() < 0.05


@pytest.mark.parametrize("form", FORMS)
def test_a_weight_file_holds_all_that_is_needed(form: str, tmp_path: Path) -> None:
    network = network_of(form, disturbed=True)
    path = save_student(tmp_path / "student.safetensors", network, "head", {"licence": "any"})
    back = load_student(str(path))
    assert back.network.config == network.config
    assert (back.head_id, back.header["licence"]) == ("head", "any")
    inputs = inputs_of(network, 2)
    with torch.inference_mode():
        assert differ(network(inputs), back.network(inputs)) < 0.05, "weights of 16 bits"
    assert load_student(str(path.rename(tmp_path / "weights.safetensors").parent)).head_id == "head", "a run's folder"


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    path = save_student(tmp_path / "one.safetensors", network_of("landmarks"), "head", {})
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"one\.safetensors cannot be read"):
        load_student(str(path))
    with pytest.raises(UserError, match="give base, nano, or a file"):
        load_student("no/such/file")


def test_another_heads_codes_are_refused() -> None:
    network = network_of("landmarks")
    with pytest.raises(ValueError, match="coefficients of head"):
        HeadDecoder(FlameModel(tiny_head()), trained(network).spec)


def test_the_priors_encoder_is_taken_over() -> None:
    encoder = pretrained_encoder(StudentNetworkConfig(pretrained="prior"))
    assert encoder is not None
    assert next(encoder.parameters()).shape[1] == 3
    with pytest.raises(UserError, match=r"holds a face_landmarks, not network\.backbone=tf_efficientnet_lite0"):
        pretrained_encoder(StudentNetworkConfig(backbone="tf_efficientnet_lite0", pretrained="prior"))
