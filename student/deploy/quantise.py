"""8-bit layers by ONNX Runtime's own tools.

The encoder of the picture and the layers between features and head are quantised, a scale a channel. What measures
stays in 32 bits: landmarks and what follows from them linearly, the last layer, the pose, the mesh.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

from student.deploy.crops import Crops
from student.deploy.onnx_file import header_of
from student.deploy.signature import ENTRY
from student.head.decoder import StudentSpec

# Names that the exporter gives by module: the encoder, the reader of its features, the layers behind.
_QUANTISED = ("/network/encoder/", "/network/picture/", "/network/layers.")
_STATIC = {"Conv", "Gemm", "MatMul", "Add", "Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool"}
_DYNAMIC = {"Conv", "Gemm", "MatMul"}


def quantised(
    model: onnx.ModelProto, how: Literal["dynamic", "static"], crops: Crops, spec: StudentSpec
) -> onnx.ModelProto:
    """The same graph with 8-bit layers.

    Args:
        model: in 32 bits.
        how: dynamic: ranges of activations are those of each picture; static: those of ``crops``.
        crops: (B) real faces.
        spec: of the network.
    """
    types = _STATIC if how == "static" else _DYNAMIC
    nodes = [node.name for node in model.graph.node if node.op_type in types and node.name.startswith(_QUANTISED)]
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # advice to simplify the graph first, which brings nothing here
    try:
        with tempfile.TemporaryDirectory() as folder:
            exact, path = Path(folder) / "exact.onnx", Path(folder) / "quantised.onnx"
            onnx.save(model, exact)  # as it would change a graph in memory
            if how == "static":
                reader = _OneByOne(crops, spec)
                quantize_static(
                    exact,
                    path,
                    reader,
                    QuantFormat.QDQ,
                    per_channel=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    nodes_to_quantize=nodes,
                )
            else:
                matmuls = [f"{name}_MatMul" for name in nodes]  # ONNX Runtime takes Gemm apart, and names so the part
                quantize_dynamic(
                    exact, path, per_channel=True, weight_type=QuantType.QUInt8, nodes_to_quantize=nodes + matmuls
                )
            small = onnx.load(path)
    finally:
        logging.disable(before)
    header = {**header_of(model), "precision": f"int8 ({how})"}
    helper.set_model_props(small, {ENTRY: json.dumps(header, sort_keys=True)})
    return small


class _OneByOne(CalibrationDataReader):
    """Hands out crops, every other one without its landmarks where the network takes both."""

    def __init__(self, crops: Crops, spec: StudentSpec) -> None:
        self._left = self._feeds(crops, spec)

    def get_next(self) -> dict[str, np.ndarray] | None:  # type: ignore[override] # its own hint is of one input
        return next(self._left, None)

    @staticmethod
    def _feeds(crops: Crops, spec: StudentSpec) -> Iterator[dict[str, np.ndarray]]:
        blind = crops.without_landmarks() if spec.config.backbone != "none" else crops
        for row in range(len(crops.center_px)):
            one = (blind if row % 2 else crops)[row : row + 1]
            yield {name: tensor.numpy() for name, tensor in one.named(spec).items()}
