"""CenterFace's ONNX file in our form: bytes in, pictures of any size, small on disk."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from shared.landmarker.conversion.graph_writer import BATCH, GraphWriter

# Output of the source: our name, channels.
MAPS = {"537": ("heat", 1), "538": ("log_size", 2), "539": ("offset", 2), "540": ("points", 10)}
_MANY = 16384  # weights of a layer from which on it is stored in 8 bits: nine tenths of all


def convert_center_face(content: bytes, metadata: dict[str, str]) -> onnx.ModelProto:
    """The source's graph with batch normalisation folded, weights of 8 bits (16 in small layers), an input of bytes."""
    source = onnx.load_from_string(content).graph
    constants = {one.name: numpy_helper.to_array(one) for one in source.initializer}
    writer = GraphWriter()
    picture = writer.add_input("pictures", TensorProto.UINT8, [BATCH, "height", "width", 3])
    picture = writer.node("Transpose", [picture], perm=[0, 3, 1, 2])
    values = {"input.1": writer.node("Cast", [picture], to=TensorProto.FLOAT)}
    after = {name: node for node in source.node for name in node.input}
    for node in source.node:
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        if node.op_type in ("Conv", "ConvTranspose"):
            kernel = constants[node.input[1]]
            out_axis = 0 if node.op_type == "Conv" else 1
            bias = constants[node.input[2]] if len(node.input) > 2 else np.zeros(kernel.shape[out_axis], np.float32)
            output, follower = node.output[0], after.get(node.output[0])
            if follower is not None and follower.op_type == "BatchNormalization":
                kernel, bias = _fold(kernel, bias, follower, constants, out_axis)
                output = follower.output[0]
            large = kernel.size >= _MANY
            weights = writer.weights_8_bit(kernel, out_axis) if large else writer.weights(kernel)
            inputs = [values[node.input[0]], weights, writer.weights(bias)]
            values[output] = writer.node(node.op_type, inputs, **attributes)
        elif node.op_type in ("Relu", "Add", "Sigmoid"):
            values[node.output[0]] = writer.node(node.op_type, [values[name] for name in node.input])
        elif node.op_type != "BatchNormalization":
            raise NotImplementedError(f"operator {node.op_type} in CenterFace")
    for output, (name, channels) in MAPS.items():
        writer.add_output(values[output], name, [BATCH, channels, "rows", "columns"])
    return writer.model("center_face", metadata)


def _fold(
    kernel: np.ndarray, bias: np.ndarray, norm: onnx.NodeProto, constants: dict[str, np.ndarray], out_axis: int
) -> tuple[np.ndarray, np.ndarray]:
    scale, shift, mean, variance = (constants[name] for name in norm.input[1:5])
    epsilon = next(one.f for one in norm.attribute if one.name == "epsilon")
    factor = scale / np.sqrt(variance + epsilon)
    shape = [1] * kernel.ndim
    shape[out_axis] = -1
    return kernel * factor.reshape(shape), (bias - mean) * factor + shift
