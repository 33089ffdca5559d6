"""ONNX Runtime in the place of torch: the same heads, clear errors, and the example without our packages."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from shared.geometry.camera import Camera
from shared.runs.errors import UserError
from student.api import open_network
from student.config import InferConfig
from student.deploy.onnx_file import header_of
from student.deploy.onnx_network import OnnxNetwork
from student.deploy.signature import ENTRY
from student.head.predictor import Predictor, TorchNetwork
from student.inference.tools import fastest
from tests.student.exported import FORMS, exporter_of, faces, options, predictor_of, whole_pictures
from tests.student.heads import open_head

EXAMPLE = Path(__file__).parents[2] / "examples" / "student_onnx.py"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for form in FORMS:
        (made[form],) = exporter_of(predictor_of(form), []).write(options(tmp_path_factory.mktemp(form)))
    return made


@pytest.mark.parametrize("form", FORMS)
def test_predictions_are_those_of_torch(form: str, files: dict[str, Path]) -> None:
    torch_predictor, ours = predictor_of(form), Predictor(open_network(str(files[form]), CPU), open_head())
    assert ours.spec.config == torch_predictor.spec.config
    assert ours.spec.head_id == torch_predictor.spec.head_id
    torch.testing.assert_close(ours.spec.basis.matrix(), torch_predictor.spec.basis.matrix(), rtol=0, atol=0)
    torch.testing.assert_close(ours.spec.anchor_m, torch_predictor.spec.anchor_m, rtol=0, atol=0)
    images, marks, cameras = whole_pictures(faces(3))
    seen = marks if form == "landmarks" else None
    for landmarks in (marks, seen):
        expected = torch_predictor.predict(images, marks, landmarks, cameras)
        heads = ours.predict(images, marks, landmarks, cameras)
        assert float((heads.verts_m - expected.verts_m).norm(dim=-1).max()) < 5e-5
        torch.testing.assert_close(heads.shape_std, expected.shape_std, rtol=1e-3, atol=1e-5)


def test_the_graph_it_runs_is_without_the_mesh(files: dict[str, Path]) -> None:
    whole = {port.name for port in onnx.load(files["both"]).graph.output}
    part = {port.name for port in OnnxNetwork.open(files["both"])._session.get_outputs()}
    assert "verts_cam_m" in whole - part
    assert "log_std" in part


@pytest.mark.parametrize("form", FORMS)
def test_a_student_runs_there_without_a_file(form: str) -> None:
    expected = predictor_of(form)
    assert isinstance(expected.network, TorchNetwork)
    ours = Predictor(OnnxNetwork.of(expected.network.student, open_head().assets), open_head())
    images, marks, cameras = whole_pictures(faces(3))
    heads, true = (one.predict(images, marks, marks, cameras) for one in (ours, expected))
    assert float((heads.verts_m - true.verts_m).norm(dim=-1).max()) < 5e-5


def test_live_use_takes_the_faster_one_on_the_cpu() -> None:
    network, model = predictor_of("landmarks").network, open_head()
    config = InferConfig(input="a", out="b", device="cpu")
    assert isinstance(fastest(network, config, model), OnnxNetwork)
    assert fastest(network, replace(config, runtime="torch"), model) is network


def test_a_damaged_file_is_named(files: dict[str, Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(files["landmarks"].read_bytes()[:-5000])
    with pytest.raises(UserError, match=r"checkpoint=.*cut\.onnx cannot be"):
        open_network(str(cut), CPU)
    (tmp_path / "text.onnx").write_text("not a network at all")
    with pytest.raises(UserError, match=r"text\.onnx"):
        open_network(str(tmp_path / "text.onnx"), CPU)
    with pytest.raises(UserError, match=r"gone\.onnx"):
        open_network(str(tmp_path / "gone.onnx"), CPU)


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ports[:1], ports[1:])
    path = tmp_path / "other.onnx"
    onnx.save(helper.make_model(graph), path)
    with pytest.raises(UserError, match="is of another program, this version runs pixel3dmm-distill/student-onnx/1"):
        OnnxNetwork.open(path)


def test_a_file_that_lacks_an_output_is_named(files: dict[str, Path], tmp_path: Path) -> None:
    model = onnx.load(files["landmarks"])
    kept = [port for port in model.graph.output if port.name != "log_std"]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    path = tmp_path / "less.onnx"
    onnx.save(model, path)
    with pytest.raises(UserError, match=r"less\.onnx cannot be run: .*log_std"):
        OnnxNetwork.open(path)


def test_its_head_must_be_the_models(files: dict[str, Path], tmp_path: Path) -> None:
    import json

    model = onnx.load(files["landmarks"])
    helper.set_model_props(model, {ENTRY: json.dumps({**header_of(model), "head_id": "another"})})
    onnx.save(model, tmp_path / "other_head.onnx")
    with pytest.raises(ValueError, match="coefficients of head another"):
        Predictor(OnnxNetwork.open(tmp_path / "other_head.onnx"), open_head())


@pytest.mark.parametrize("box", [[], ["210", "130", "200", "220"]])
def test_the_example_writes_the_mesh_that_the_network_tells(
    box: list[str], files: dict[str, Path], tmp_path: Path
) -> None:
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8), (0, 0), 9)
    cv2.imwrite(str(tmp_path / "face.png"), picture)
    done = _example(tmp_path, files["picture"], *box)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "head.obj").read_text().splitlines()
    verts = np.array([line.split()[1:] for line in lines if line.startswith("v ")], dtype=float)
    triangles = np.array([line.split()[1:] for line in lines if line.startswith("f ")], dtype=int) - 1
    assert np.array_equal(triangles, open_head().assets.faces.numpy())
    if box:
        x, y, w, h = map(float, box)
        around = torch.tensor([[x, y], [x + w, y + h]]).repeat(1, 239, 1)
        predictor = predictor_of("picture")
        camera = _camera(640, 480)
        rgb = np.ascontiguousarray(picture[..., ::-1])
        expected = predictor.predict([rgb], around, None, camera).verts_m[0].numpy()
        assert np.abs(verts - expected).max() < 2e-3  # its crop is blurred otherwise


def test_the_example_imports_nothing_of_ours() -> None:
    text = EXAMPLE.read_text()
    assert not any(f"{word} {package}" in text for word in ("import", "from") for package in ("shared", "student"))


def _camera(width: int, height: int) -> Camera:
    return Camera.at_origin(torch.tensor([1.37 * max(width, height)]), (height, width))


def _example(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    model, *box = map(str, arguments)
    command = [sys.executable, str(EXAMPLE), model, "face.png", "head.obj", *box]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
