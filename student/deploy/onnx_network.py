"""An exported student in ONNX Runtime: on the CPU several times as fast as torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
import torch
from google.protobuf.message import DecodeError
from onnx.utils import Extractor
from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.schema import FlameAssets
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.runs.errors import UserError
from student.deploy.describe import describe
from student.deploy.module import ExportedStudent
from student.deploy.onnx_file import header_of, to_onnx
from student.deploy.signature import CONSTANT, PREDICTED, SCHEMA, input_ports
from student.head.decoder import StudentSpec
from student.network.records import StudentInput, StudentOutput
from student.network.weights import TrainedStudent, network_config

_PROVIDERS = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}


class OnnxNetwork:
    """A `student.head.predictor.Network`. Of the file's graph, only what predicts is run."""

    def __init__(self, model: onnx.ModelProto, header: dict[str, Any], device: torch.device | None = None) -> None:
        """Of an exported graph and its header; see `open` and `of`."""
        config = network_config(header["network"])
        self._inputs = [port.name for port in input_ports(config) if port.name != "center_px"]
        self._session = session_of(_part(model, self._inputs, [port.name for port in PREDICTED]), device)
        names = [port.name for port in CONSTANT]
        values = session_of(_part(model, [], names)).run(names, {})
        constants = dict(zip(names, map(torch.from_numpy, values), strict=True))
        basis = CodeBasis(constants["shape_directions"], constants["expression_directions"])
        self.spec = StudentSpec(config, basis, constants["anchor_m"], header["head_id"])

    @staticmethod
    def open(path: Path, device: torch.device | None = None) -> OnnxNetwork:
        """UserError, which names the file, if it is damaged, or not an exported student of this version.

        Args:
            path: an .onnx file of `student/export.py`.
            device: where to run it; what ONNX Runtime has no provider for, the CPU does. None: the CPU.
        """
        model, header = read_onnx(path)
        try:
            return OnnxNetwork(model, header, device)
        except Exception as error:  # ONNX Runtime's own errors have no common class
            raise UserError(f"checkpoint={path} cannot be run: {str(error).splitlines()[0]}") from error

    @staticmethod
    def of(student: TrainedStudent, assets: FlameAssets, device: torch.device | None = None) -> OnnxNetwork:
        """A trained student as it would be exported, without a file; takes two seconds.

        ``assets`` are of the head whose coefficients it predicts.
        """
        size = student.network.config.size
        like: dict[str, Tensor] = {
            "image": torch.full((2, 3, size, size), 0.5),
            "landmarks_px": torch.rand(2, 478, 2, generator=torch.Generator().manual_seed(0)) * size,
            "has_landmarks": torch.ones(2, dtype=torch.bool),
            "focal_px": torch.full((2,), 3.0 * size),
            "blendshapes": torch.rand(2, N_BLENDSHAPES, generator=torch.Generator().manual_seed(1)),
            "center_px": torch.full((2, 2), 0.5 * size),
        }
        module, header = ExportedStudent(student.network, assets).eval(), describe(student)
        return OnnxNetwork(to_onnx(module, tuple(like[name] for name in module.inputs), header), header, device)

    def __call__(self, inputs: StudentInput) -> StudentOutput:
        """Crops (B, ...)."""
        given = {name: getattr(inputs, name).numpy() for name in self._inputs}
        output = dict(zip((port.name for port in PREDICTED), self._session.run(None, given), strict=True))
        tensors: dict[str, Tensor] = {name.removeprefix("told_"): torch.from_numpy(output[name]) for name in output}
        return StudentOutput(**tensors)


def read_onnx(path: Path) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """An exported student and its header. UserError, which names the file, if it is not one."""
    try:
        model = onnx.load(path)
        header = header_of(model)
    except (OSError, DecodeError, ValueError) as error:
        raise UserError(f"checkpoint={path} cannot be read as an ONNX file: {error}") from error
    if header.get("schema") != SCHEMA:
        made = header.get("schema") or "another program"
        raise UserError(f"checkpoint={path} is of {made}, this version runs {SCHEMA}: make it by student/export.py")
    return model, header


def session_of(model: onnx.ModelProto, device: torch.device | None = None) -> ort.InferenceSession:
    """A session with as many threads as torch has, on a device if ONNX Runtime knows it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    # Threads that wait by turning in circles take the cores from torch and MediaPipe, which run between two pictures.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = _PROVIDERS.get(device.type) if device else None
    there = ort.get_available_providers()
    providers = [name for name in (wanted, "CPUExecutionProvider") if name is not None and name in there]
    return ort.InferenceSession(model.SerializeToString(), options, providers=providers)


def run_named(session: ort.InferenceSession, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Outputs of a session by name."""
    values: Any = session.run(None, {name: tensor.numpy() for name, tensor in given.items()})
    return {out.name: torch.from_numpy(value) for out, value in zip(session.get_outputs(), values, strict=True)}


def _part(model: onnx.ModelProto, inputs: list[str], outputs: list[str]) -> onnx.ModelProto:
    return Extractor(model).extract_model(inputs, outputs)
