"""Exported files predict what the network predicts and say what they are; one that fails takes no other's place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import onnx
import onnxruntime as ort
import pytest
import torch

from shared.config.loading import ConfigError, load_config
from shared.runs.errors import UserError
from student.config import ExportConfig
from student.deploy.crops import photographed_faces
from student.deploy.onnx_file import header_of
from student.deploy.onnx_network import run_named
from student.deploy.parity import largest_distance_mm, reference
from student.deploy.quantise import quantised
from student.deploy.run import export
from student.deploy.signature import OUTPUTS, SCHEMA
from student.deploy.torch_file import run_program, to_program
from student.head.predictor import Predictor
from student.network.weights import save_student
from tests.student.exported import FORMS, crops, exporter_of, network_of, options, predictor_of
from tests.student.heads import open_head


class Exported:
    """One network and its file."""

    def __init__(self, form: str, out: Path) -> None:
        self.said: list[str] = []
        self.predictor = predictor_of(form)
        self.exporter = exporter_of(self.predictor, self.said)
        (self.path,) = self.exporter.write(options(out))
        self.session = ort.InferenceSession(str(self.path), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    made: dict[str, Exported] = {}

    def get(form: str) -> Exported:
        if form not in made:
            made[form] = Exported(form, tmp_path_factory.mktemp(form))
        return made[form]

    return get


@pytest.mark.parametrize("form", FORMS)
def test_the_head_is_that_of_the_network_for_any_number_of_crops(
    form: str, exported: Callable[[str], Exported]
) -> None:
    one = exported(form)
    for count in (1, 3):
        distances = largest_distance_mm(
            lambda given: run_named(one.session, dict(given)), one.predictor, crops(one.predictor, count, seed=count)
        )
        assert len(distances) == {"both": 3, "landmarks": 2, "picture": 1}[form]
        assert max(distances.values()) < 0.05


@pytest.mark.parametrize("form", FORMS)
def test_all_outputs_are_those_of_the_module(form: str, exported: Callable[[str], Exported]) -> None:
    one = exported(form)
    given = crops(one.predictor, 2, seed=7).named(one.predictor.spec)
    output = run_named(one.session, given)
    with torch.inference_mode():
        expected = one.exporter.module(*given.values())
    assert list(output) == [port.name for port in OUTPUTS]
    for port, value in zip(OUTPUTS, expected, strict=True):
        torch.testing.assert_close(output[port.name], value, rtol=1e-4, atol=2e-4, msg=port.name)


def test_codes_and_pose_give_the_mesh(exported: Callable[[str], Exported]) -> None:
    """A user with FLAME's own code gets the same vertices from the parameters, and the mesh's landmarks fit it."""
    from shared.flame.params import FlameParams
    from shared.geometry.camera import Camera

    one = exported("both")
    given = crops(one.predictor, 3, seed=5)
    output = run_named(one.session, given.named(one.predictor.spec))
    names = ("shape", "expression", "global_rot", "neck", "jaw", "eyes", "translation", "eyelids")
    model = open_head()
    verts = model(FlameParams(**{name: output[name] for name in names})).verts_m
    camera = Camera.at_origin(given.input.focal_px, (64, 64), given.center_px)
    torch.testing.assert_close(camera.world_to_cam(verts), output["verts_cam_m"], rtol=0, atol=5e-5)
    marks = model.assets.landmarks["mediapipe"].positions(output["verts_cam_m"], output["faces"])
    torch.testing.assert_close(camera.project_cam(marks), output["mesh_landmarks_px"], rtol=0, atol=5e-3)


def test_inputs_are_what_the_network_looks_at(exported: Callable[[str], Exported]) -> None:
    names = {form: [one.name for one in exported(form).session.get_inputs()] for form in FORMS}
    assert names["both"] == ["image", "landmarks_px", "has_landmarks", "blendshapes", "focal_px", "center_px"]
    assert names["picture"] == ["image", "focal_px", "center_px"]
    assert names["landmarks"] == ["landmarks_px", "has_landmarks", "blendshapes", "focal_px", "center_px"]


def test_the_file_says_what_it_is(exported: Callable[[str], Exported]) -> None:
    one = exported("both")
    header = header_of(onnx.load(one.path))
    assert header["schema"] == SCHEMA
    assert header["network"] == asdict(FORMS["both"])
    assert header["head_id"] == open_head().assets.head_id
    assert header["preprocessing"]["size"] == 64
    assert header["preprocessing"]["margin"] == FORMS["both"].margin
    assert list(header["outputs"]) == sorted(port.name for port in OUTPUTS)
    assert header["made"]["licence"] == "Apache-2.0"


def test_a_file_is_smaller_than_its_weights_in_32_bits(exported: Callable[[str], Exported]) -> None:
    one = exported("landmarks")
    module = one.exporter.module
    numbers = sum(t.numel() for t in (*module.network.parameters(), module.head.directions, module.head.lbs_weights))
    assert one.path.stat().st_size < 3.2 * numbers


@pytest.mark.slow
def test_torch_export_tells_the_same(tmp_path: Path) -> None:
    predictor = predictor_of("both")
    exporter = exporter_of(predictor, [])
    program = to_program(exporter.module, tuple(exporter.crops[:2].named(predictor.spec).values()))
    path = tmp_path / "student.pt2"
    torch.export.save(program, path)
    for count in (1, 3):
        distances = largest_distance_mm(
            lambda given: run_program(path, exporter.module, dict(given)), predictor, crops(predictor, count)
        )
        assert max(distances.values()) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("how", ["dynamic", "static"])
def test_8_bits_are_close_and_keep_the_rest_in_32(how: str, exported: Callable[[str], Exported]) -> None:
    one = exported("both")
    exact = onnx.load(one.path)
    given = crops(one.predictor, 3, seed=9)
    graph = quantised(exact, how, one.exporter.crops, one.predictor.spec)  # type: ignore[arg-type]
    session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    verts = run_named(session, given.named(one.predictor.spec))["verts_cam_m"]
    truth = reference(one.predictor, given)
    assert 0 < float((verts - truth).norm(dim=-1).mean()) < 3e-3
    assert header_of(graph)["precision"] == f"int8 ({how})"
    kinds = [node.op_type for node in graph.graph.node if node.name.startswith(("/network/marks", "/network/output"))]
    assert {"Gemm", "MatMul"} & set(kinds)
    kernels = [tensor for tensor in graph.graph.initializer if len(tensor.dims) == 4]
    assert kernels
    assert all(tensor.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8) for tensor in kernels)


def test_a_file_that_tells_another_head_is_not_written(tmp_path: Path) -> None:
    predictor = predictor_of("landmarks")
    exporter = exporter_of(predictor, [])
    exporter.module.head.v_template += 1e-3
    mine = tmp_path / "student.onnx"
    mine.write_bytes(b"of the user")
    with pytest.raises(UserError, match=r"student\.onnx: with landmarks, a vertex is \d"):
        exporter.write(options(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["student.onnx"]
    assert mine.read_bytes() == b"of the user"


@pytest.mark.slow
def test_the_command_draws_faces_and_tells_the_distance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.student.exported import faces

    monkeypatch.setattr("student.deploy.run.drawn_faces", faces)
    predictor = predictor_of("landmarks")
    weights = save_student(tmp_path / "x.safetensors", network_of(predictor), predictor.spec.head_id, {})
    files = export(options(tmp_path / "out", checkpoint=str(weights), format="both", quantise="static"))
    assert [path.name for path in files] == ["student.onnx", "student_int8.onnx", "student.pt2"]
    said = capsys.readouterr().out
    assert "student.onnx, with landmarks: largest vertex distance 0.0" in said
    assert "student.pt2, with landmarks: largest vertex distance 0.0" in said
    assert "student_int8.onnx, with landmarks: the face is off by" in said


def test_options_that_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="quantise=static is of ONNX files"):
        load_config(ExportConfig, ["out=x", "format=torch", "quantise=static"])


def test_a_folder_without_faces_is_named(tmp_path: Path) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "grey.png"), np.full((64, 64, 3), 90, np.uint8))
    with pytest.raises(UserError, match=r"calibration=.*no face"):
        list(photographed_faces(str(tmp_path), 3))


def test_weights_of_another_head_are_refused(tmp_path: Path) -> None:
    predictor: Predictor = predictor_of("landmarks")
    weights = save_student(tmp_path / "x.safetensors", network_of(predictor), "another", {})
    with pytest.raises(UserError, match=r"checkpoint=.*another.*give flame="):
        export(options(tmp_path, checkpoint=str(weights)))
