"""What the landmarker would find on heads, drawn without a picture: the truth, and the errors measured on real heads.

A detection on a rendered portrait has errors of the rendering in it: painted brows and lids pull the landmarker aside.
Here errors are those of `shared.flame.landmark_noise`, and coefficients answer to what the face does as
`shared.flame.blendshape_response` has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.arkit_units import unit_readings
from shared.flame.blendshape_response import BlendshapeResponse, load_blendshape_response
from shared.flame.landmark_errors import ExpectedErrors, RigidView
from shared.flame.landmark_noise import LandmarkNoise, load_landmark_noise
from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.model import FlameModel, local_rotations
from shared.flame.params import FlameParams
from shared.flame.points import FlamePoints
from shared.geometry.camera import Camera
from shared.geometry.rotation import axis_angle_to_matrix
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.records.tensor_record import TensorRecord, concatenate

_AT_ONCE = 256  # heads


@dataclass(frozen=True)
class Detections(TensorRecord):
    """Of N pictures."""

    landmarks_px: Tensor  # (N, 478, 2)
    # (N, 52) in the order of `shared.landmarker.blendshapes.BLENDSHAPE_NAMES`; those that say nothing are as at rest
    blendshapes: Tensor


@dataclass(frozen=True, eq=False)
class DetectionSimulator:
    """Of one head model, on the CPU."""

    model: FlameModel
    points: FlamePoints  # (478) where the landmarker marks its landmarks
    rest_m: Tensor  # (478, 3) of the unposed head
    noise: LandmarkNoise  # (478)
    readings: Tensor  # (U, E + 5) from expression, jaw and eyelids to the activations of the head's units
    response: BlendshapeResponse  # of these
    factor: float  # of all random errors; 1: as measured

    @staticmethod
    def of(model: FlameModel, factor: float = 1.0) -> DetectionSimulator:
        """ValueError for a head without all 478 landmarks, or on which the landmarker was not measured."""
        assets = model.assets
        noise, response = load_landmark_noise(assets), load_blendshape_response(assets)
        embedding = assets.landmarks.get("mediapipe")
        if noise is None or response is None or embedding is None:
            raise ValueError(f"the landmarker was not measured on head {assets.name!r}: see teacher/landmark_noise.py")
        points = FlamePoints.from_embedding(model, embedding, noise.offset_m)
        readings = unit_readings(model)
        return DetectionSimulator(model, points, points.rest_positions(), noise, readings, response, factor)

    @torch.no_grad()
    def __call__(self, params: FlameParams, camera: Camera, generator: torch.Generator) -> Detections:
        """Of heads (N) before cameras (N); each is taken to be another person."""
        rotations = local_rotations(params)
        posed = self.points.pose(self.model.coefficients(params), rotations, params.translation).position
        rotation = axis_angle_to_matrix(params.global_rot) @ axis_angle_to_matrix(params.neck)
        errors = ExpectedErrors.of(self.noise, self._view(posed, rotation, camera))
        error_px = errors.std_px[..., None] * _normal(posed[..., :2], generator)
        for fields_px in (errors.picture_px, errors.person_px):
            drawn = _normal(fields_px[:, 0, 0], generator)
            error_px = error_px + torch.einsum("npik,nk->npi", fields_px, drawn)
        landmarks_px = camera.project(posed) + errors.mean_px + self.factor * error_px
        return Detections(landmarks_px, self._blendshapes(params, generator))

    def of_many(self, params: FlameParams, camera: Camera, seed: int) -> Detections:
        """The same of any number of heads (N), some at a time."""
        generator = torch.Generator().manual_seed(seed)
        rows = torch.arange(len(params.shape)).split(_AT_ONCE)
        return concatenate([self(params[some], camera[some], generator) for some in rows])

    def _view(self, posed_m: Tensor, rotation: Tensor, camera: Camera) -> RigidView:
        """Of the rigid motion that brings the unposed landmarks' middle to that of the posed ones."""
        root = self.model.joints_template[0]
        middle = (self.rest_m.mean(0) - root) @ rotation.transpose(1, 2) + root
        return RigidView.of(self.rest_m, OUTER_EYE_CORNERS, root, rotation, posed_m.mean(1) - middle, camera)

    def _blendshapes(self, params: FlameParams, generator: torch.Generator) -> Tensor:
        response = self.response
        activation = torch.cat([params.expression, params.jaw, params.eyelids], 1) @ self.readings.T
        noise = _normal(activation, generator) * torch.where(response.slope > 0, response.std, 0.0)
        found = torch.zeros(len(activation), N_BLENDSHAPES)
        found[:, response.unit] = response.base + response.slope * (activation + self.factor * noise)
        return found.clamp(0, 1)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype)
