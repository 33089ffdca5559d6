"""The five networks as ONNX files of ours: from square crops of bytes to numbers, any batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto

from shared.landmarker.conversion import sources
from shared.landmarker.conversion.center_face import convert_center_face
from shared.landmarker.conversion.convert import TfliteConverter
from shared.landmarker.conversion.graph_writer import BATCH, GraphWriter
from shared.landmarker.conversion.sources import Source
from shared.landmarker.conversion.tflite_file import read_tflite
from shared.landmarker.sizes import BLENDSHAPE_POINTS, FULL_RANGE_SIZE, LANDMARK_SIZE, N_LANDMARKS, SHORT_RANGE_SIZE

Build = Callable[[bytes], onnx.ModelProto]


def landmarks(content: bytes) -> onnx.ModelProto:
    """Crops (N, 256, 256, 3) uint8 RGB -> points (N, 478, 3) in their pixels, presence and tongue (N,), 0 to 1."""
    writer = GraphWriter()
    crops = _crops(writer, LANDMARK_SIZE, 1 / 255, 0)
    points, presence, tongue = TfliteConverter(read_tflite(content), writer).convert([(crops, True)])
    shape = writer.constant(np.array([0, N_LANDMARKS, 3], np.int64))
    writer.add_output(writer.node("Reshape", [points, shape]), "points", [BATCH, N_LANDMARKS, 3])
    flat = writer.constant(np.array([-1], np.int64))
    presence = writer.node("Sigmoid", [writer.node("Reshape", [presence, flat])])
    writer.add_output(presence, "presence", [BATCH])
    writer.add_output(writer.node("Reshape", [tongue, flat]), "tongue", [BATCH])
    return writer.model("face_landmarks", _output(sources.LANDMARKS))


def blendshapes(content: bytes) -> onnx.ModelProto:
    """Points (N, 146, 2) in pixels -> coefficients (N, 52), 0 to 1."""
    writer = GraphWriter()
    points = writer.add_input("points", TensorProto.FLOAT, [BATCH, BLENDSHAPE_POINTS, 2])
    (values,) = TfliteConverter(read_tflite(content), writer).convert([(points, False)])
    writer.add_output(values, "coefficients", [BATCH, 52])
    return writer.model("face_blendshapes", _output(sources.BLENDSHAPES))


def short_range(content: bytes) -> onnx.ModelProto:
    """Crops (N, 128, 128, 3) uint8 RGB -> boxes (N, 896, 16) and logits (N, 896) of BlazeFace's anchors."""
    return _detector(content, sources.SHORT_RANGE, SHORT_RANGE_SIZE, "face_detector_short_range")


def full_range(content: bytes) -> onnx.ModelProto:
    """Crops (N, 192, 192, 3) uint8 RGB -> boxes (N, 2304, 16) and logits (N, 2304) of BlazeFace's anchors."""
    return _detector(content, sources.FULL_RANGE, FULL_RANGE_SIZE, "face_detector_full_range")


def center_face(content: bytes) -> onnx.ModelProto:
    """Pictures (N, H, W, 3) uint8 RGB, sides multiples of 32 -> CenterFace's four maps at a quarter of the size."""
    return convert_center_face(content, _output(sources.CENTER_FACE))


ASSETS: dict[str, tuple[Source, Build]] = {
    "face_landmarks": (sources.LANDMARKS, landmarks),
    "face_blendshapes": (sources.BLENDSHAPES, blendshapes),
    "face_detector_short_range": (sources.SHORT_RANGE, short_range),
    "face_detector_full_range": (sources.FULL_RANGE, full_range),
    "center_face": (sources.CENTER_FACE, center_face),
}


def _detector(content: bytes, source: Source, size: int, name: str) -> onnx.ModelProto:
    writer = GraphWriter()
    crops = _crops(writer, size, 1 / 127.5, -1)
    boxes, logits = TfliteConverter(read_tflite(content), writer).convert([(crops, True)])
    writer.add_output(boxes, "boxes", [BATCH, "anchors", 16])
    flat = writer.constant(np.array([0, -1], np.int64))
    writer.add_output(writer.node("Reshape", [logits, flat]), "logits", [BATCH, "anchors"])
    return writer.model(name, _output(source))


def _crops(writer: GraphWriter, size: int, factor: float, offset: float) -> str:
    """Declare the input of bytes; its value as a network wants it, channels first."""
    crops = writer.add_input("crops", TensorProto.UINT8, [BATCH, size, size, 3])
    value = writer.node("Transpose", [crops], perm=[0, 3, 1, 2])
    value = writer.node("Cast", [value], to=TensorProto.FLOAT)
    value = writer.node("Mul", [value, writer.constant(np.array(factor, np.float32))])
    return writer.node("Add", [value, writer.constant(np.array(offset, np.float32))]) if offset else value


def _output(source: Source) -> dict[str, str]:
    member = f", {source.member}" if source.member else ""
    return {"source": f"{source.package}: {source.file}{member}", "sha256": source.sha256, "licence": source.licence}
