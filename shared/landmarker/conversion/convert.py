"""A TFLite graph as ONNX nodes: the operators of Google's face networks and no more.

TFLite holds pictures as (N, H, W, C), ONNX's convolutions want (N, C, H, W). Each value is kept in the layout in which
it was computed, and turned only where an operator needs the other one. The batch may be of any size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.landmarker.conversion.graph_writer import GraphWriter
from shared.landmarker.conversion.layer_norm import LayerNorm, merge_layer_norms
from shared.landmarker.conversion.tflite_file import TfliteGraph, TfliteOperator

_SAME, _NO_ACTIVATION, _RELU = 0, 0, 1  # TFLite's numbers
_ALL = np.iinfo(np.int64).max  # an end of a slice: as far as there is
# ONNX Runtime is fastest with layers of at least so many channels; narrower ones get channels of zeros.
_MIN_CHANNELS = 16
_UNARY = {"RELU": "Relu", "LOGISTIC": "Sigmoid", "SQRT": "Sqrt"}
_BINARY = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div"}


@dataclass(frozen=True)
class _Value:
    """A computed tensor in ONNX."""

    name: str
    channels_first: bool


@dataclass(frozen=True)
class _Activated:
    """PReLU of a tensor, not computed yet: relu(x) (1 - slope) + x slope."""

    value: str  # x, channels first
    slope: str  # (C, 1, 1, 1)
    rest: str  # 1 - slope


class TfliteConverter:
    """Turns a graph's operators into nodes of a `GraphWriter`."""

    def __init__(self, graph: TfliteGraph, writer: GraphWriter) -> None:
        self._graph, self._writer = graph, writer
        self._constants = {n: tensor.constant for n, tensor in enumerate(graph.tensors) if tensor.constant is not None}
        self._values: dict[int, _Value] = {}
        self._activated: dict[int, _Activated] = {}
        self._turned: dict[int, str] = {}
        self._users = Counter(index for operator in graph.operators for index in operator.inputs)

    def convert(self, given: Sequence[tuple[str, bool]]) -> list[str]:
        """Write all nodes.

        Args:
            given: for each input of the graph the value that stands for it, and whether its channels come first.

        Returns:
            The values of the graph's outputs, in TFLite's layout and with a batch.
        """
        for index, (name, channels_first) in zip(self._graph.inputs, given, strict=True):
            self._values[index] = _Value(name, channels_first)
        for operator in merge_layer_norms(self._graph):
            if isinstance(operator, LayerNorm):
                self._layer_norm(operator)
            else:
                self._handler(operator.kind)(operator)
        return [self._last(index) for index in self._graph.outputs]

    def _handler(self, kind: str) -> Callable[[TfliteOperator], None]:
        if kind in _UNARY:
            return self._unary
        if kind in _BINARY:
            return self._binary
        handler = getattr(self, f"_{kind.lower()}", None)
        if handler is None:
            raise NotImplementedError(f"TFLite operator {kind}")
        return handler

    # Values

    def _shape(self, index: int) -> tuple[int, ...]:
        return self._graph.tensors[index].shape

    def _constant(self, index: int) -> np.ndarray:
        return self._constants[index].astype(np.float32)

    def _integers(self, index: int) -> np.ndarray:
        return np.atleast_1d(self._constants[index]).astype(np.int64)

    def _first(self, index: int) -> str:
        """A value with its channels first."""
        return self._in_layout(index, True)

    def _last(self, index: int) -> str:
        """A value as TFLite has it."""
        return self._in_layout(index, False)

    def _in_layout(self, index: int, channels_first: bool) -> str:
        value = self._values[index]
        if value.channels_first == channels_first or len(self._shape(index)) != 4:
            return value.name
        if index not in self._turned:
            order = [0, 3, 1, 2] if channels_first else [0, 2, 3, 1]
            self._turned[index] = self._writer.node("Transpose", [value.name], perm=order)
        return self._turned[index]

    def _put(self, operator: TfliteOperator, name: str, channels_first: bool) -> None:
        self._values[operator.outputs[0]] = _Value(name, channels_first)

    def _with_relu(self, operator: TfliteOperator, name: str) -> str:
        activation = operator.options.FusedActivationFunction()
        if activation == _NO_ACTIVATION:
            return name
        if activation != _RELU:
            raise NotImplementedError(f"TFLite activation {activation}")
        return self._writer.node("Relu", [name])

    # Constants that are stored in another form

    def _dequantize(self, operator: TfliteOperator) -> None:
        self._constants[operator.outputs[0]] = self._constants[operator.inputs[0]]

    _densify = _dequantize

    # Convolutions

    def _conv_2d(self, operator: TfliteOperator) -> None:
        source, weights_index, bias_index = operator.inputs
        weights, bias = self._constant(weights_index), self._constant(bias_index)
        if weights.shape[1:3] == (1, 1) and not self._values[source].channels_first:
            # Tokens (N, 1, T, C): a matrix product needs no turning.
            product = self._writer.node("MatMul", [self._last(source), self._writer.weights(weights[:, 0, 0].T)])
            added = self._writer.node("Add", [product, self._writer.weights(bias)])
            self._put(operator, self._with_relu(operator, added), False)
            return
        kernel = weights.transpose(0, 3, 1, 2)
        if operator.outputs[0] not in self._graph.outputs and self._narrow(operator.outputs[0]):
            kernel, bias = _widen(kernel, 0), _widen(bias, 0)
        if self._narrow(source):
            kernel = _widen(kernel, 1)
        inputs = [self._first(source), self._writer.weights(kernel), self._writer.weights(bias)]
        self._convolve(operator, inputs, kernel.shape[2:], 1)

    def _depthwise_conv_2d(self, operator: TfliteOperator) -> None:
        source, weights_index, bias_index = operator.inputs
        kernel = self._constant(weights_index)[0].transpose(2, 0, 1)[:, None]
        bias = self._constant(bias_index)
        if self._narrow(source):
            kernel, bias = _widen(kernel, 0), _widen(bias, 0)
        weights, offset, size = self._writer.weights(kernel), self._writer.weights(bias), kernel.shape[2:]
        if source not in self._activated:
            self._convolve(operator, [self._first(source), weights, offset], size, len(kernel))
            return
        # The PReLU before it goes into its weights.
        before = self._activated[source]
        attributes: dict[str, Any] = {**self._window(operator, size), "group": len(kernel)}
        rest = self._writer.node("Mul", [weights, before.rest])
        slope = self._writer.node("Mul", [weights, before.slope])
        positive = self._writer.node("Relu", [before.value])
        first = self._writer.node("Conv", [positive, rest, offset], **attributes)
        second = self._writer.node("Conv", [before.value, slope], **attributes)
        self._put(operator, self._with_relu(operator, self._writer.node("Add", [first, second])), True)

    def _convolve(self, operator: TfliteOperator, inputs: list[str], size: Sequence[int], group: int) -> None:
        name = self._writer.node("Conv", inputs, **self._window(operator, size), group=group)
        self._put(operator, self._with_relu(operator, name), True)

    def _window(self, operator: TfliteOperator, size: Sequence[int]) -> dict[str, Any]:
        strides = [operator.options.StrideH(), operator.options.StrideW()]
        pads = [0, 0, 0, 0]
        if operator.options.Padding() == _SAME:
            lengths = self._shape(operator.inputs[0])[1:3]
            missing = [
                max((-(-length // stride) - 1) * stride + extent - length, 0)
                for length, extent, stride in zip(lengths, size, strides, strict=True)
            ]
            pads = [pad // 2 for pad in missing] + [pad - pad // 2 for pad in missing]
        return {"kernel_shape": list(size), "strides": strides, "pads": pads}

    def _narrow(self, index: int) -> bool:
        """Whether a value is made wider than TFLite has it: 8 channels between two 1x1 convolutions."""
        return self._shape(index)[-1] == _MIN_CHANNELS // 2

    def _max_pool_2d(self, operator: TfliteOperator) -> None:
        size = [operator.options.FilterHeight(), operator.options.FilterWidth()]
        name = self._writer.node("MaxPool", [self._first(operator.inputs[0])], **self._window(operator, size))
        self._put(operator, self._with_relu(operator, name), True)

    def _prelu(self, operator: TfliteOperator) -> None:
        """As ordinary operators: ONNX Runtime's own PReLU takes three quarters of the landmark network's time."""
        source, target = operator.inputs[0], operator.outputs[0]
        slopes = self._constant(operator.inputs[1]).reshape(-1, 1, 1, 1)
        if self._narrow(source):
            slopes = _widen(slopes, 0)
        slope = self._writer.weights(slopes)
        rest = self._writer.node("Sub", [self._writer.constant(np.ones((1, 1, 1, 1), np.float32)), slope])
        value = self._first(source)
        user = next(one for one in self._graph.operators if target in one.inputs)
        if self._users[target] == 1 and user.kind == "DEPTHWISE_CONV_2D":
            self._activated[target] = _Activated(value, slope, rest)
            return
        positive = self._writer.node("Relu", [value])
        first = self._writer.node("Conv", [positive, rest], group=len(slopes), kernel_shape=[1, 1])
        second = self._writer.node("Conv", [value, slope], group=len(slopes), kernel_shape=[1, 1])
        self._put(operator, self._writer.node("Add", [first, second]), True)

    def _resize_bilinear(self, operator: TfliteOperator) -> None:
        if operator.options.AlignCorners():
            raise NotImplementedError("RESIZE_BILINEAR with aligned corners")
        before, after = self._shape(operator.inputs[0]), self._shape(operator.outputs[0])
        scales = np.array([1, 1, after[1] / before[1], after[2] / before[2]], np.float32)
        name = self._writer.node(
            "Resize",
            [self._first(operator.inputs[0]), "", self._writer.constant(scales)],
            mode="linear",
            coordinate_transformation_mode="half_pixel" if operator.options.HalfPixelCenters() else "asymmetric",
        )
        self._put(operator, name, True)

    def _depth_to_space(self, operator: TfliteOperator) -> None:
        source, size = self._first(operator.inputs[0]), operator.options.BlockSize()
        self._put(operator, self._writer.node("DepthToSpace", [source], blocksize=size, mode="DCR"), True)

    def _pad(self, operator: TfliteOperator) -> None:
        pads = self._integers(operator.inputs[1]).reshape(-1, 2)[[0, 3, 1, 2]]
        name = self._writer.node("Pad", [self._first(operator.inputs[0]), self._writer.constant(pads.T.reshape(-1))])
        self._put(operator, name, True)

    # Plain arithmetic

    def _unary(self, operator: TfliteOperator) -> None:
        value = self._values[operator.inputs[0]]
        self._put(operator, self._writer.node(_UNARY[operator.kind], [value.name]), value.channels_first)

    def _binary(self, operator: TfliteOperator) -> None:
        inputs, first = self._operands(operator)
        name = self._with_relu(operator, self._writer.node(_BINARY[operator.kind], inputs))
        self._put(operator, name, first)

    def _operands(self, operator: TfliteOperator) -> tuple[list[str], bool]:
        """Both inputs in one layout, and whether their channels come first there."""
        computed = [index for index in operator.inputs if index not in self._constants]
        first = all(self._values[index].channels_first for index in computed)
        if first and len(computed) < len(operator.inputs):
            raise NotImplementedError(f"{operator.kind} of a picture and a constant")
        inputs = [
            self._writer.weights(self._constant(index)) if index in self._constants else self._in_layout(index, first)
            for index in operator.inputs
        ]
        return inputs, first

    def _mean(self, operator: TfliteOperator) -> None:
        axes = self._integers(operator.inputs[1]).tolist()
        keep = int(operator.options.KeepDims())
        name = self._writer.node("ReduceMean", [self._last(operator.inputs[0])], axes=axes, keepdims=keep)
        self._put(operator, name, False)

    def _sum(self, operator: TfliteOperator) -> None:
        axes = self._writer.constant(self._integers(operator.inputs[1]))
        keep = int(operator.options.KeepDims())
        self._put(
            operator, self._writer.node("ReduceSum", [self._last(operator.inputs[0]), axes], keepdims=keep), False
        )

    def _layer_norm(self, norm: LayerNorm) -> None:
        inputs = [self._last(norm.source), self._writer.weights(self._constant(norm.scale))]
        name = self._writer.node("LayerNormalization", inputs, epsilon=float(self._constant(norm.epsilon)))
        self._values[norm.target] = _Value(name, False)

    # Shapes

    def _reshape(self, operator: TfliteOperator) -> None:
        shape = np.array(self._shape(operator.outputs[0]), np.int64)
        shape[0] = 0  # as before: the batch
        name = self._writer.node("Reshape", [self._last(operator.inputs[0]), self._writer.constant(shape)])
        self._put(operator, name, False)

    def _transpose(self, operator: TfliteOperator) -> None:
        order = self._integers(operator.inputs[1]).tolist()
        self._put(operator, self._writer.node("Transpose", [self._last(operator.inputs[0])], perm=order), False)

    def _concatenation(self, operator: TfliteOperator) -> None:
        axis = operator.options.Axis() % len(self._shape(operator.outputs[0]))
        like = next(self._last(index) for index in operator.inputs if index not in self._constants)
        inputs = [
            self._for_each(self._constant(index), like) if index in self._constants else self._last(index)
            for index in operator.inputs
        ]
        self._put(operator, self._writer.node("Concat", inputs, axis=axis), False)

    def _for_each(self, constant: np.ndarray, like: str) -> str:
        """A constant (1, ...) repeated for the batch of another value."""
        sizes = self._writer.node("Shape", [like], start=0, end=1)
        rest = self._writer.constant(np.array(constant.shape[1:], np.int64))
        return self._writer.node(
            "Expand", [self._writer.weights(constant), self._writer.node("Concat", [sizes, rest], axis=0)]
        )

    def _strided_slice(self, operator: TfliteOperator) -> None:
        source, begin, end, step = operator.inputs[0], *(self._integers(index) for index in operator.inputs[1:4])
        options = operator.options
        for axis in range(len(begin)):
            # The batch stays whole, however large: the file knows only batches of one.
            if axis == 0 or options.BeginMask() >> axis & 1:
                begin[axis] = 0
            if axis == 0 or options.EndMask() >> axis & 1:
                end[axis] = _ALL
        if options.EllipsisMask() or options.NewAxisMask() or options.ShrinkAxisMask() & ~1:
            raise NotImplementedError("STRIDED_SLICE that adds or drops dimensions")
        inputs = [self._writer.constant(one) for one in (begin, end, np.arange(len(begin)), step)]
        self._put(operator, self._writer.node("Slice", [self._last(source), *inputs]), False)


def _widen(values: np.ndarray, axis: int) -> np.ndarray:
    """Zeros appended along an axis of half the least number of channels."""
    return np.concatenate([values, np.zeros_like(values)], axis=axis)
