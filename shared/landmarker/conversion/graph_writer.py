"""An ONNX graph as it grows: nodes, and constants that are stored small and widened when the file is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8  # both read by ONNX Runtime 1.13 and later
BATCH = "N"  # name of the batch dimension, which may be of any size


class GraphWriter:
    """Collects nodes and constants.

    Weights are stored in 16 bits; a Cast, which ONNX Runtime folds when it loads the file, makes them float32, so that
    everything is computed in float32.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._known: dict[tuple[bytes, tuple[int, ...], str], str] = {}

    def node(self, kind: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        """Append a node of one output; the output's name, which is made up where none is given."""
        output = output or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def weights(self, values: np.ndarray) -> str:
        """Float32 constant, stored as float16."""
        stored = np.ascontiguousarray(values, np.float16)
        if not np.isfinite(stored).all():
            raise ValueError("a weight does not fit into 16 bits")
        return self._once(stored, lambda name: self.node("Cast", [name], to=TensorProto.FLOAT))

    def weights_8_bit(self, values: np.ndarray, axis: int) -> str:
        """Float32 constant, stored as int8 with one scale for each index of an axis (the output channels)."""
        others = tuple(index for index in range(values.ndim) if index != axis)
        scale = (np.abs(values).max(axis=others, keepdims=True) / 127).astype(np.float16)
        scale = np.where(scale > 0, scale, np.float16(1))
        stored = np.round(values / scale.astype(np.float32)).clip(-127, 127).astype(np.int8)
        wide = self._once(stored, lambda name: self.node("Cast", [name], to=TensorProto.FLOAT))
        return self.node("Mul", [wide, self.weights(scale)])

    def constant(self, values: np.ndarray) -> str:
        """Constant as it is: integers, and the few numbers that need all their bits."""
        return self._once(np.ascontiguousarray(values), lambda name: name)

    def add_input(self, name: str, element: int, shape: Sequence[int | str]) -> str:
        """Declare an input."""
        self.inputs.append(helper.make_tensor_value_info(name, element, list(shape)))
        return name

    def add_output(self, value: str, name: str, shape: Sequence[int | str]) -> None:
        """Declare an output: float32, of a value that is there."""
        self.node("Identity", [value], name)
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def model(self, name: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """The finished graph, checked."""
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, list(self._constants.values()))
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="pixel3dmm-distill",
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _once(self, stored: np.ndarray, widen: Callable[[str], str]) -> str:
        key = (stored.tobytes(), stored.shape, str(stored.dtype))
        if key not in self._known:
            name = f"constant{len(self._constants)}"
            self._constants[name] = numpy_helper.from_array(stored, name)
            self._known[key] = widen(name)
        return self._known[key]
