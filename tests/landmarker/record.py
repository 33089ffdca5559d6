"""Record what the published files themselves give: python -m tests.landmarker.record FOLDER

FOLDER holds the published files at any depth. Needs the packages ai-edge-litert, which runs .tflite files, and tflite.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch

from shared.landmarker.blendshapes import BLENDSHAPE_LANDMARKS
from shared.landmarker.conversion import sources
from shared.landmarker.conversion.sources import Source, read_source
from shared.records.tensor_files import write_tensors
from tests.landmarker.crops import cut

RECORDED, SCHEMA = Path(__file__).with_name("recorded.safetensors"), "pixel3dmm-distill/recorded/1"
KEPT = 24  # of the anchors or cells: those with the highest scores


def run_tflite(content: bytes, given: np.ndarray) -> list[np.ndarray]:
    """Outputs, in the file's order, for each of a batch of inputs."""
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    rows = []
    for one in given.astype(np.float32):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], one[None])
        interpreter.invoke()
        rows.append([interpreter.get_tensor(output["index"]).copy() for output in interpreter.get_output_details()])
    return [np.stack(column) for column in zip(*rows, strict=True)]


def best(scores: np.ndarray) -> np.ndarray:
    """(N, KEPT) places of the highest scores (N, P)."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :KEPT]


def main(folder: Path) -> None:
    """Write the file."""

    def content(source: Source) -> bytes:
        return read_source(folder, source)

    points, presence, tongue = run_tflite(content(sources.LANDMARKS), cut(256) / np.float32(255))
    points = points.reshape(2, 478, 3)
    (blendshapes,) = run_tflite(content(sources.BLENDSHAPES), points[:, BLENDSHAPE_LANDMARKS, :2])
    found = {"points": points, "presence_logit": presence.reshape(2), "tongue": tongue.reshape(2)}
    found["blendshapes"] = blendshapes.reshape(2, 52)
    for reach, source, side in (("short", sources.SHORT_RANGE, 128), ("full", sources.FULL_RANGE, 192)):
        boxes, logits = sorted(
            run_tflite(content(source), cut(side) / np.float32(127.5) - 1), key=lambda one: -one.shape[-1]
        )
        boxes, logits = boxes.reshape(2, -1, 16), logits.reshape(2, -1)
        found[f"{reach}_logits"] = logits
        found[f"{reach}_boxes"] = np.take_along_axis(boxes, best(logits)[..., None], axis=1)
    model = onnx.load_from_string(content(sources.CENTER_FACE))
    for value in [*model.graph.input, *model.graph.output]:  # any size; the file says 32 x 32, and runs with others
        for place, dimension in enumerate(value.type.tensor_type.shape.dim):
            if place != 1 and len(value.type.tensor_type.shape.dim) == 4 and value.name not in _weights(model):
                dimension.dim_param = f"{value.name}_{place}"
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    maps = session.run(None, {"input.1": cut(192).transpose(0, 3, 1, 2).astype(np.float32)})
    for name, one in zip(("heat", "log_size", "offset", "points"), maps, strict=True):
        found[f"center_{name}"] = np.asarray(one)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(one, np.float32)) for name, one in found.items()}
    # Our CenterFace has weights of 8 bits.
    tensors = {name: one.half() if name.startswith("center_") else one for name, one in tensors.items()}
    write_tensors(RECORDED, tensors, {"schema": SCHEMA, "packages": "ai-edge-litert 2.3.0, onnxruntime 1.32.0"})


def _weights(model: onnx.ModelProto) -> set[str]:
    return {one.name for one in model.graph.initializer}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
