"""What is in a .tflite file: tensors, constants (sparse ones made dense) and operators."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from shared.runs.errors import UserError

_DTYPES = {"FLOAT32": np.float32, "FLOAT16": np.float16, "INT32": np.int32, "INT64": np.int64}
_DENSE = 0  # format of a dimension in a sparse tensor; the other one is compressed sparse rows


@dataclass(frozen=True, eq=False)
class TfliteTensor:
    """One tensor; shapes are TFLite's, so pictures are (N, H, W, C)."""

    name: str
    shape: tuple[int, ...]
    constant: np.ndarray | None  # None: computed when the network runs


@dataclass(frozen=True, eq=False)
class TfliteOperator:
    """One operator; tensors by their number, -1 for an optional input that is absent."""

    kind: str  # TFLite's name of it, such as CONV_2D
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any  # the flatbuffer's table, such as tflite.Conv2DOptions; None if there is none


@dataclass(frozen=True, eq=False)
class TfliteGraph:
    """The only graph of a file, operators in the order in which they run."""

    tensors: tuple[TfliteTensor, ...]
    operators: tuple[TfliteOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(content: bytes) -> TfliteGraph:
    """Read the content of a file. UserError if the package `tflite` is missing, or it is none of its kind."""
    tflite = _package()
    if content[4:8] != b"TFL3":
        raise UserError("this is not the content of a .tflite file")
    model = tflite.Model.GetRootAsModel(content, 0)
    if model.SubgraphsLength() != 1:
        raise UserError(f"a .tflite file of one graph was expected, it has {model.SubgraphsLength()}")
    graph = model.Subgraphs(0)
    return TfliteGraph(
        tuple(_tensor(model, graph.Tensors(index)) for index in range(graph.TensorsLength())),
        tuple(_operator(model, graph.Operators(index)) for index in range(graph.OperatorsLength())),
        tuple(graph.InputsAsNumpy().tolist()),
        tuple(graph.OutputsAsNumpy().tolist()),
    )


def _tensor(model: Any, tensor: Any) -> TfliteTensor:
    shape = tuple(tensor.ShapeAsNumpy().tolist()) if tensor.ShapeLength() else ()
    buffer = model.Buffers(tensor.Buffer())
    constant = None
    if buffer.DataLength():
        dtype = _DTYPES[_names("TensorType")[tensor.Type()]]
        stored = np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype)
        sparsity = tensor.Sparsity()
        constant = stored.reshape(shape) if sparsity is None else _densify(stored, shape, sparsity)
    return TfliteTensor(tensor.Name().decode(), shape, constant)


def _operator(model: Any, operator: Any) -> TfliteOperator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    kind = _names("BuiltinOperator")[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    options = None
    if operator.BuiltinOptionsType():
        options = getattr(_package(), _names("BuiltinOptions")[operator.BuiltinOptionsType()])()
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
    return TfliteOperator(
        kind, tuple(operator.InputsAsNumpy().tolist()), tuple(operator.OutputsAsNumpy().tolist()), options
    )


def _densify(values: np.ndarray, shape: tuple[int, ...], sparsity: Any) -> np.ndarray:
    """A sparse tensor made dense, as TFLite's DENSIFY does.

    Dimensions are walked in the file's order. Those beyond the tensor's own are blocks of one of them. At each level
    the elements so far (their place in storage, their coordinates) fan out into that dimension's indices.
    """
    order = sparsity.TraversalOrderAsNumpy().tolist()
    blocked = sparsity.BlockMapAsNumpy().tolist() if sparsity.BlockMapLength() else []
    places, coordinates, block_sizes = np.zeros(1, np.int64), np.zeros((1, 0), np.int64), {}
    for level, dimension in enumerate(order):
        metadata = sparsity.DimMetadata(level)
        if metadata.Format() == _DENSE:
            size = metadata.DenseSize()
            if dimension >= len(shape):
                block_sizes[blocked[dimension - len(shape)]] = size
            counts = np.full(len(places), size)
            indices = np.tile(np.arange(size), len(places))
            places = (places[:, None] * size + np.arange(size)).reshape(-1)
        else:
            starts = _integers(metadata.ArraySegments(), metadata.ArraySegmentsType())
            counts = starts[places + 1] - starts[places]
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            places = np.repeat(starts[places], counts) + within
            indices = _integers(metadata.ArrayIndices(), metadata.ArrayIndicesType())[places]
        coordinates = np.concatenate([np.repeat(coordinates, counts, axis=0), indices[:, None]], axis=1)
    target = np.zeros((len(places), len(shape)), np.int64)
    for level, dimension in enumerate(order):
        if dimension < len(shape):
            target[:, dimension] += coordinates[:, level] * block_sizes.get(dimension, 1)
        else:
            target[:, blocked[dimension - len(shape)]] += coordinates[:, level]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(target.T)] = values[places]
    return dense


def _integers(table: Any, kind: int) -> np.ndarray:
    tflite = _package()
    vector = {1: tflite.Int32Vector, 2: tflite.Uint16Vector, 3: tflite.Uint8Vector}[kind]()
    vector.Init(table.Bytes, table.Pos)
    return vector.ValuesAsNumpy().astype(np.int64)


@cache
def _names(enumeration: str) -> dict[int, str]:
    values = vars(getattr(_package(), enumeration))
    return {value: name for name, value in values.items() if isinstance(value, int)}


def _package() -> ModuleType:
    try:
        return importlib.import_module("tflite")
    except ImportError as error:
        raise UserError("reading .tflite files needs the package: pip install tflite==2.18.0") from error
