"""How fast an exported student is, and what 8 bits cost: ONNX Runtime against torch, batch 1.

    python benchmarks/student_export.py [checkpoint=base] [pictures=48] [calibrated=64] [threads=1,2] [rounds=7]

The network alone, without crop and mesh. Rounds visit all rows in turn, so that what else runs hits them alike: a row's
time is the median over the rounds of the median call, its ratio the median of the rounds' ratios to torch in 32 bits.
Errors: distance of the face's vertices after rigid alignment, mean over pictures of the synthetic benchmark with
MediaPipe's landmarks (where the network takes them) and their true cameras; 8 bits are calibrated on other portraits.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from command_line import read_options
from torch import Tensor

from shared.evaluate.benchmark_portraits import BenchmarkPortraits, spread_pictures
from shared.evaluate.metrics import vertex_error_mm
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.records.tensor_record import stack
from student.deploy.crops import Crops, SeenFace, crops_of, drawn_faces
from student.deploy.describe import describe
from student.deploy.module import ExportedStudent
from student.deploy.onnx_file import in_halves, to_onnx
from student.deploy.onnx_network import OnnxNetwork
from student.deploy.parity import reference, views
from student.deploy.quantise import quantised
from student.head.predictor import Network, Predictor, TorchNetwork
from student.network.records import StudentInput, StudentOutput
from student.network.weights import load_student

DEFAULTS = {"checkpoint": "base", "pictures": "48", "calibrated": "64", "threads": "1,2", "rounds": "7", "calls": "20"}


@dataclass(frozen=True, eq=False)
class HalfNetwork:
    """The network in torch with bf16 where autocast thinks it safe."""

    exact: TorchNetwork

    @property
    def spec(self):
        return self.exact.spec

    def __call__(self, inputs: StudentInput) -> StudentOutput:
        with torch.autocast("cpu", torch.bfloat16):
            return self.exact(inputs).to(torch.float32)


def graphs(student: Predictor, calibrated: int) -> dict[str, onnx.ModelProto]:
    """The files as `student/export.py` writes them, by name."""
    assert isinstance(student.network, TorchNetwork)
    crops = crops_of(list(drawn_faces(calibrated)), student)
    module = ExportedStudent(student.network.student.network, student.decoder.model.assets).eval()
    exact = to_onnx(module, tuple(crops[:2].named(student.spec).values()), describe(student.network.student))
    small = {f"int8 {how}": quantised(exact, how, crops, student.spec) for how in ("dynamic", "static")}
    return {f"ONNX Runtime {name}": in_halves(graph) for name, graph in {"fp32": exact, **small}.items()}


def judged(student: Predictor, count: int) -> tuple[Crops, Tensor]:
    """Crops (N) of benchmark pictures and the true vertices (N, V, 3)."""
    model = student.decoder.model
    portraits = BenchmarkPortraits.of(model.assets)
    faces, params = [], []
    for index in spread_pictures(count):
        portrait, detection = portraits[index]
        if detection is not None:
            faces.append(SeenFace(portrait.image, detection.landmarks_px, detection.blendshapes, portrait.truth.camera))
            params.append(portrait.truth.params)
    with torch.no_grad():
        return crops_of(faces, student), model(stack(params)).verts_m


def call_ms(work: Callable[[], object], calls: int) -> float:
    """Median milliseconds of a call."""
    work()
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def main(options: dict[str, str]) -> None:
    """Print both tables."""
    model = FlameModel(load_flame())
    exact = TorchNetwork(load_student(options["checkpoint"]))
    student = Predictor(exact, model)
    crops, truth = judged(student, int(options["pictures"]))
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for number, (name, graph) in enumerate(graphs(student, int(options["calibrated"])).items()):
            files[name] = Path(folder) / f"{number}.onnx"
            onnx.save(graph, files[name])
        speeds(exact, files, crops, options)
        errors(student, files, crops, truth)


def networks(exact: TorchNetwork, files: dict[str, Path]) -> dict[str, Network]:
    """All rows, for as many threads as torch has now."""
    onnx_ones = {name: OnnxNetwork.open(path) for name, path in files.items()}
    return {"torch fp32": exact, "torch bf16": HalfNetwork(exact), **onnx_ones}


def speeds(exact: TorchNetwork, files: dict[str, Path], crops: Crops, options: dict[str, str]) -> None:
    """Milliseconds of one call."""
    one, rounds, calls = crops.input[:1], int(options["rounds"]), int(options["calls"])
    config = exact.spec.config
    print(f"{config.backbone}, {config.size} px; median of {rounds} rounds of {calls} calls, batch 1")
    print(f"{'':<26}{'threads':>8}{'ms':>8}{'lowest':>8}{'speed':>8}{'MB':>7}")
    for threads in map(int, options["threads"].split(",")):
        torch.set_num_threads(threads)
        rows = networks(exact, files)
        times = {name: [] for name in rows}
        for _ in range(rounds):
            for name, network in rows.items():
                times[name].append(call_ms(lambda network=network: network(one), calls))
        for name, row in times.items():
            faster = statistics.median(a / b for a, b in zip(times["torch fp32"], row, strict=True))
            size = f"{files[name].stat().st_size / 1e6:7.1f}" if name in files else ""
            print(f"{name:<26}{threads:>8}{statistics.median(row):>8.2f}{min(row):>8.2f}{faster:>7.1f}x{size}")


def errors(student: Predictor, files: dict[str, Path], crops: Crops, truth: Tensor) -> None:
    """Millimetres of the face, against the truth and against 32 bits in torch."""
    face = student.decoder.model.assets.region("face")
    assert isinstance(student.network, TorchNetwork)
    print(f"\n{len(truth)} pictures{'':<15}{'':<20}{'to the truth, mm':>18}{'to torch fp32, mm':>19}{'largest':>9}")
    for form, given in views(student, crops).items():
        exact = reference(student, given)[:, face]
        for name, network in networks(student.network, files).items():
            output = reference(Predictor(network, student.decoder.model), given)[:, face]
            off, apart = vertex_error_mm(output, truth[:, face]).mean(), vertex_error_mm(output, exact)
            print(f"{name:<26}{form:<20}{off:>18.3f}{apart.mean():>19.4f}{apart.max():>9.4f}")


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
