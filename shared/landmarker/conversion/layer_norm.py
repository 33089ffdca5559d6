"""Layer normalisation, which TFLite files spell out in ten operators and ONNX has as one."""

from __future__ import annotations

from dataclasses import dataclass

from shared.landmarker.conversion.tflite_file import TfliteGraph, TfliteOperator

_STORAGE = ("DENSIFY", "DEQUANTIZE")  # of constants
_SPELLED_OUT = (
    "MEAN", "NEG", "SQUARED_DIFFERENCE", "MEAN", "ADD", "RSQRT", "MUL", "MUL", "MUL", "ADD",
)  # fmt: skip


@dataclass(frozen=True)
class LayerNorm:
    """One of them; tensors by their number."""

    source: int
    epsilon: int  # constant
    scale: int  # constant
    target: int


def merge_layer_norms(graph: TfliteGraph) -> list[TfliteOperator | LayerNorm]:
    """The operators in order, each spelled-out layer normalisation merged into one; constants come first."""
    constants = [one for one in graph.operators if one.kind in _STORAGE]
    others = [one for one in graph.operators if one.kind not in _STORAGE]
    merged: list[TfliteOperator | LayerNorm] = list(constants)
    place, length = 0, len(_SPELLED_OUT)
    while place < len(others):
        window = others[place : place + length]
        if tuple(one.kind for one in window) == _SPELLED_OUT and _is_layer_norm(window):
            scale, epsilon = window[6].inputs[1], window[4].inputs[1]
            merged.append(LayerNorm(window[0].inputs[0], epsilon, scale, window[-1].outputs[0]))
            place += length
        else:
            merged.append(others[place])
            place += 1
    return merged


def _is_layer_norm(window: list[TfliteOperator]) -> bool:
    """Whether the operators are wired as (x - mean) * (scale / sqrt(variance + epsilon))."""
    mean, negative, square, variance, added, root, scaled, first, second, total = window
    source, out = mean.inputs[0], [one.outputs[0] for one in window]
    return (
        negative.inputs == (out[0],)
        and square.inputs == (source, out[0])
        and variance.inputs[0] == out[2]
        and added.inputs[0] == out[3]
        and root.inputs == (out[4],)
        and scaled.inputs[0] == out[5]
        and first.inputs == (source, out[6])
        and second.inputs == (out[1], out[6])
        and total.inputs == (out[7], out[8])
    )
