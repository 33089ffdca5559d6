"""An exported student as an ONNX file: the graph, and one JSON that says what it is."""

from __future__ import annotations

import io
import json
import warnings
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from student.deploy.module import ExportedStudent
from student.deploy.signature import ENTRY, OUTPUTS

OPSET = 17
_MIN_HALVES = 1024  # numbers of a tensor that is worth a conversion


def to_onnx(module: ExportedStudent, inputs: tuple[Tensor, ...], header: dict[str, Any]) -> onnx.ModelProto:
    """The graph for any number of crops.

    Args:
        module: in eval mode, on the CPU.
        inputs: of it, to follow it with.
        header: JSON, kept in the file's metadata.
    """
    outputs = tuple(port.name for port in OUTPUTS)
    batched = (*module.inputs, *(port.name for port in OUTPUTS if port.shape[0] == "B"))
    model = traced(module, inputs, module.inputs, outputs, batched)
    helper.set_model_props(model, {ENTRY: json.dumps(header, sort_keys=True)})
    return model


def traced(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    input_names: tuple[str, ...],
    output_names: tuple[str, ...],
    batched: tuple[str, ...] = (),
) -> onnx.ModelProto:
    """The graph of any module, followed with these inputs; the first dimension of those in ``batched`` is free."""
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter by tracing: the newer one needs two more packages.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            inputs,
            file,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=OPSET,
            input_names=list(input_names),
            output_names=list(output_names),
            dynamic_axes={name: {0: "B"} for name in batched},
        )
    return onnx.load_from_string(file.getvalue())


def in_halves(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with tensors in 16 bits that lose nothing by it; whoever loads the file makes them 32 bits again."""
    tensors, nodes = list(model.graph.initializer), []
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":  # so come buffers that no file keeps
            tensors.append(_named(node.attribute[0].t, node.output[0]))
        else:
            nodes.append(node)
    kept, casts = [], []
    for tensor in tensors:
        half = _half(tensor)
        kept.append(half or tensor)
        if half is not None:
            casts.append(helper.make_node("Cast", [half.name], [tensor.name], half.name, to=onnx.TensorProto.FLOAT))
    old = model.graph
    graph = helper.make_graph([*casts, *nodes], old.name, old.input, old.output, kept, value_info=old.value_info)
    small = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    helper.set_model_props(small, {entry.key: entry.value for entry in model.metadata_props})
    return small


def _named(tensor: onnx.TensorProto, name: str) -> onnx.TensorProto:
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    copy.name = name
    return copy


def _half(tensor: onnx.TensorProto) -> onnx.TensorProto | None:
    """A large tensor in 16 bits, with another name; None where that would change it."""
    values = numpy_helper.to_array(tensor)
    if values.dtype != np.float32 or values.size < _MIN_HALVES:
        return None
    halves = values.astype(np.float16)
    return numpy_helper.from_array(halves, f"{tensor.name}.half") if np.array_equal(halves, values) else None


def header_of(model: onnx.ModelProto) -> dict[str, Any]:
    """What `to_onnx` was given; empty where the file is not ours. ValueError if it is damaged."""
    texts = {entry.key: entry.value for entry in model.metadata_props}
    header = json.loads(texts.get(ENTRY, "{}"))
    if not isinstance(header, dict):
        raise ValueError("its metadata is no JSON object")
    return header
