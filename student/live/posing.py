"""A face of a stream in the full picture: FLAME's parameters and MediaPipe's points on it; no other vertex is needed.

ONNX Runtime takes a third of torch's time: what counts for one face is the number of calls, not of operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn

from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.params import FlameParams
from shared.flame.points import FlamePoints
from shared.geometry.camera import Camera, Pinhole
from shared.geometry.rotation import axis_angle_to_matrix
from student.head.decoder import HeadDecoder
from student.network.records import PicturePrediction

_PREDICTED = tuple(field.name for field in fields(PicturePrediction) if field.name != "log_std")
_CAMERA = ("focal_px", "center_px", "T_cam_world")
_FOUND = ("shape", "expression", "global_rot", "translation")  # the other parameters are predicted as they are
_KEPT = ("neck", "jaw", "eyes", "eyelids")


@dataclass(frozen=True, eq=False)
class PosedFace:
    """One face."""

    params: FlameParams  # (1) in the world of the camera
    mesh_landmarks_px: np.ndarray  # (478, 2) float32, MediaPipe's points on it, full picture; NaN where it has none


class FacePosing:
    """Poses faces; see `in_torch` and `in_onnx`."""

    def __init__(self, known: Tensor, run: Callable[..., tuple[Tensor, ...]]) -> None:
        """Of a head that knows these of MediaPipe's points (P,); ``run`` does what `PosingModule` does."""
        self._known, self._run = known.numpy(), run

    @staticmethod
    def in_torch(decoder: HeadDecoder) -> FacePosing:
        """In torch."""
        return FacePosing(decoder.known, PosingModule(decoder))

    @staticmethod
    def in_onnx(decoder: HeadDecoder) -> FacePosing:
        """In ONNX Runtime; takes half a second to make."""
        from student.deploy.onnx_file import traced
        from student.deploy.onnx_network import session_of  # takes half a second to import

        module = PosingModule(decoder)
        like = module.example()
        model = traced(module, tuple(like.values()), tuple(like), (*(f"posed_{name}" for name in _FOUND), "points_px"))
        session = session_of(model)

        def run(*given: Tensor) -> tuple[Tensor, ...]:
            named = {name: tensor.numpy() for name, tensor in zip(like, given, strict=True)}
            return tuple(map(torch.from_numpy, session.run(None, named)))

        return FacePosing(decoder.known, run)

    def __call__(self, output: PicturePrediction, camera: Camera) -> PosedFace:
        """The face of a prediction (1), in pixels of the full picture, under the picture's camera (1)."""
        *found, points_px = self._run(
            *(getattr(output, name) for name in _PREDICTED), *(getattr(camera, name) for name in _CAMERA)
        )
        landmarks = np.full((N_MEDIAPIPE, 2), np.nan, np.float32)
        landmarks[self._known] = points_px[0].numpy()
        kept = {name: getattr(output, name) for name in _KEPT}
        return PosedFace(FlameParams(**dict(zip(_FOUND, found, strict=True)), **kept), landmarks)


class PosingModule(nn.Module):
    """What a posing computes, of plain tensors: `_TOLD` and `_CAMERA` (1, ...) -> `_FOUND`, and points (1, P, 2)."""

    def __init__(self, decoder: HeadDecoder) -> None:
        super().__init__()
        self._decoder = decoder
        points = FlamePoints.from_embedding(decoder.model, decoder.embedding)
        self._points = points.with_basis(decoder.spec.basis)

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        values = dict(zip((*_PREDICTED, *_CAMERA), given, strict=True))
        camera = Pinhole(*(values.pop(name) for name in _CAMERA))
        output = PicturePrediction(**values, log_std=values["shape"])  # on which nothing depends
        params = self._decoder.params_in_picture(output, camera)
        codes = torch.cat([output.shape, output.expression, output.eyelids], 1)
        turns = torch.stack([params.global_rot, params.neck, params.jaw, *params.eyes.unbind(1)], 1)
        posed = self._points.pose(codes, axis_angle_to_matrix(turns), params.translation)
        return (*(getattr(params, name) for name in _FOUND), camera.project(posed.position))

    def example(self) -> dict[str, Tensor]:
        """Inputs by name: a mean face before a camera."""
        sizes = self._decoder.spec.basis.sizes
        camera = Camera.at_origin(torch.tensor([500.0]), (400, 400))
        turned = torch.full((1, 3), 0.1)  # a rotation by nothing is a special case
        output = {
            "shape": torch.zeros(1, sizes.shape),
            "expression": torch.zeros(1, sizes.expression),
            "eyelids": torch.zeros(1, 2),
            "neck": turned,
            "jaw": turned,
            "eyes": turned[:, None].expand(1, 2, 3).clone(),
            "R_sight_face": axis_angle_to_matrix(turned) * torch.tensor([1.0, -1.0, -1.0]),
            "anchor_px": torch.full((1, 2), 200.0),
            "log_scale": torch.full((1,), 7.0),
        }
        return output | {name: getattr(camera, name).clone() for name in _CAMERA}
