"""A whole export: follow the network, check every file on real faces, and only then put it in its place."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import onnx
import torch

from shared.evaluate.metrics import vertex_error_mm
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.runs.errors import UserError
from shared.runs.files import write_atomically
from student.config import ExportConfig
from student.deploy.crops import Crops, crops_of, drawn_faces, photographed_faces
from student.deploy.describe import describe
from student.deploy.module import ExportedStudent
from student.deploy.onnx_file import in_halves, to_onnx
from student.deploy.onnx_network import run_named, session_of
from student.deploy.parity import LIMIT_MM, Exported, largest_distance_mm, reference, require_parity, views
from student.deploy.quantise import quantised
from student.deploy.torch_file import run_program, to_program
from student.head.predictor import Predictor, TorchNetwork
from student.network.weights import load_student

Report = Callable[[str], None]


def export(config: ExportConfig, report: Report = print) -> list[Path]:
    """Write the files that the options ask for. UserError if one does not predict what the network predicts."""
    student = load_student(config.checkpoint)
    model = FlameModel(load_flame(config.flame))
    try:
        predictor = Predictor(TorchNetwork(student), model)
    except ValueError as error:
        raise UserError(f"checkpoint={config.checkpoint}: {error}") from error
    count = max(2, config.checked, config.calibrated if config.quantise == "static" else 0)
    faces = photographed_faces(config.calibration, count) if config.calibration else drawn_faces(count)
    crops = crops_of(list(islice(faces, count)), predictor)
    return Exporter(predictor, describe(student), crops, report).write(config)


class Exporter:
    """Writes files of one network and checks them.

    Args:
        predictor: with the network in torch.
        header: of the file, JSON.
        crops: (B) real faces, B at least 1.
        report: says what was found, line by line.
    """

    def __init__(self, predictor: Predictor, header: dict, crops: Crops, report: Report = print) -> None:
        assert isinstance(predictor.network, TorchNetwork)
        self.predictor, self.header, self.report = predictor, header, report
        self.crops = crops if len(crops.center_px) > 1 else crops[[0, 0]]
        self.module = ExportedStudent(predictor.network.student.network, predictor.decoder.model.assets).eval()

    def write(self, config: ExportConfig) -> list[Path]:
        """The files of the options, in the folder ``out``."""
        out, files = Path(config.out), []
        checked = self.crops[: max(2, config.checked)]
        if config.format != "torch":
            graph = to_onnx(self.module, self._example(), self.header)
            files.append(self._onnx(out / "student.onnx", graph, checked))
            if config.quantise != "none":
                small = quantised(graph, config.quantise, self.crops[: config.calibrated], self.predictor.spec)
                files.append(self._int8(out / "student_int8.onnx", small, checked))
        if config.format != "onnx":
            files.append(self._program(out / "student.pt2", checked))
        return files

    def _example(self) -> tuple[torch.Tensor, ...]:
        return tuple(self.crops[:2].named(self.predictor.spec).values())

    def _onnx(self, path: Path, graph: onnx.ModelProto, checked: Crops) -> Path:
        stored = in_halves(graph)
        session = session_of(stored)
        self._check(path, lambda given: run_named(session, dict(given)), checked)
        return write_atomically(path, lambda partial: onnx.save(stored, partial))

    def _program(self, path: Path, checked: Crops) -> Path:
        program = to_program(self.module, self._example())

        def write(partial: Path) -> None:
            torch.export.save(program, partial)
            self._check(path, lambda given: run_program(partial, self.module, dict(given)), checked)

        return write_atomically(path, write)

    def _check(self, path: Path, exported: Exported, checked: Crops) -> None:
        distances = largest_distance_mm(exported, self.predictor, checked)
        for name, distance in distances.items():
            self.report(f"{path.name}, {name}: largest vertex distance {distance:.4f} mm (allowed {LIMIT_MM})")
        require_parity(str(path), distances)

    def _int8(self, path: Path, graph: onnx.ModelProto, checked: Crops) -> Path:
        stored = in_halves(graph)
        session = session_of(stored)
        face = self.predictor.decoder.model.assets.region("face")
        for name, given in views(self.predictor, checked).items():
            verts = run_named(session, given.named(self.predictor.spec))["verts_cam_m"][:, face]
            off = vertex_error_mm(verts, reference(self.predictor, given)[:, face])
            self.report(f"{path.name}, {name}: the face is off by {off.mean():.3f} mm (mean, rigidly aligned)")
        return write_atomically(path, lambda partial: onnx.save(stored, partial))
