"""Measures `LandmarkNoise`: detections on heads whose truth is known, person by person and picture by picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.flame.landmark_noise import leading_modes
from shared.flame.landmarks import OUTER_EYE_CORNERS, facing
from shared.flame.mediapipe_mesh import mediapipe_mirror
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.face_axes import upright_axes, yaw_of
from shared.geometry.rotation import axis_angle_to_matrix
from shared.records.tensor_record import TensorRecord
from teacher.evidence.triangulation import triangulate_offsets

YAWS_DEG = (0.0, 25.0, 50.0)
WIDTH_DEG = 25.0  # pictures count for a yaw by a triangle of this half width
VISIBLE = 0.3  # cosine between a point's side of the head and the view from which it counts as visible
PRIOR_VIEWS = 4.0  # pull of the offsets to zero, as so many views
LEAST_VIEWS = 4  # of a person
PERSON_MODES, PICTURE_MODES = 12, 24
LARGEST = 0.15  # errors beyond this share of the eye distance are taken to be so large: the landmarker was lost
LEAST_STD = 0.002


@dataclass(frozen=True)
class LandmarkErrors(TensorRecord):
    """Detections on N pictures."""

    error_m: Tensor  # (N, 478, 2) detected less true, at the head's depth, camera axes
    unit_m: Tensor  # (N,) distance of the outer eye corners
    facing: Tensor  # (N, 478) cosine between a point's side of the head and the direction to the camera
    R_cam_head: Tensor  # (N, 3, 3)
    person: Tensor  # (N,) int64

    def yaw_rad(self) -> Tensor:
        """(N,) positive where the face turns to the subject's left."""
        return yaw_of(self.R_cam_head)

    def in_upright_axes(self, offset_m: Tensor) -> Tensor:
        """(N, 478, 2) errors less offsets (478, 3), in units of the eye distance, along the face's upright axes."""
        left = self.error_m - torch.einsum("nij,pj->npi", self.R_cam_head[:, :2], offset_m)
        left = torch.einsum("nij,npj->npi", upright_axes(self.R_cam_head), left) / self.unit_m[:, None, None]
        return left * (LARGEST / left.norm(dim=-1, keepdim=True).clamp(min=LARGEST))


def compare(
    model: FlameModel, params: FlameParams, camera: Camera, landmarks_px: Tensor, person: int
) -> LandmarkErrors:
    """One picture's row: a true head and camera, and landmarks (478, 2) that were detected."""
    embedding = model.assets.landmarks["mediapipe"]
    with torch.no_grad():
        posed = embedding.positions(model(params).verts_m, model.faces)
        neutral = replace(model.neutral_params(), shape=params.shape)
        rest = embedding.positions(model(neutral).verts_m, model.faces)
    at_camera = camera.world_to_cam(posed)
    corners = at_camera[list(OUTER_EYE_CORNERS)]
    rotation = camera.T_cam_world[:3, :3] @ axis_angle_to_matrix(params.global_rot) @ axis_angle_to_matrix(params.neck)
    return LandmarkErrors(
        error_m=(landmarks_px - camera.project(posed)) / camera.focal_px * corners[:, 2].mean(),
        unit_m=(corners[0] - corners[1]).norm(),
        facing=facing(rest, rotation, at_camera),
        R_cam_head=rotation,
        person=torch.tensor(person),
    )


def with_mirror_images(errors: LandmarkErrors) -> LandmarkErrors:
    """The pictures and their mirror images, as of other persons."""
    partner = mediapipe_mirror()
    flip = torch.tensor([-1.0, 1.0, 1.0])
    mirrored = LandmarkErrors(
        errors.error_m[:, partner] * flip[:2],
        errors.unit_m,
        errors.facing[:, partner],
        errors.R_cam_head * flip[:, None] * flip,
        errors.person + 1 + int(errors.person.max()),
    )
    return LandmarkErrors(**{name: torch.cat([value, getattr(mirrored, name)]) for name, value in vars(errors).items()})


def measure(errors: LandmarkErrors) -> dict[str, Tensor]:
    """What is stored of the noise, see `shared.flame.landmark_noise.both_sides`."""
    both = with_mirror_images(errors)
    offset_m = triangulate_offsets(both.error_m, both.facing > VISIBLE, both.R_cam_head, PRIOR_VIEWS)
    own_m = _person_offsets(both, offset_m)
    unit_m = both.unit_m.mean()
    fields = (own_m / unit_m).flatten(1)
    person, _ = leading_modes(fields.T @ fields / len(fields), PERSON_MODES)
    left = torch.empty_like(both.error_m)
    for row, index in enumerate(both.person.unique()):
        mine = both.person == index
        left[mine] = both[mine].in_upright_axes(offset_m + own_m[row])
    bands = [_picture_noise(left, both, yaw) for yaw in YAWS_DEG]
    return {
        "offset_m": offset_m,
        "person": person.unflatten(0, (-1, 3)).float(),
        "yaw_rad": torch.deg2rad(torch.tensor(YAWS_DEG)),
        **{name: torch.stack([band[name] for band in bands]).float() for name in bands[0]},
    }


def _person_offsets(errors: LandmarkErrors, offset_m: Tensor) -> Tensor:
    """(persons, 478, 3) what is constant in all pictures of each person, metres, beside the offset of all."""
    found = []
    for index in errors.person.unique():
        one = errors[errors.person == index]
        if len(one.unit_m) < LEAST_VIEWS:  # what is constant cannot be distinguished from what is not
            found.append(torch.zeros_like(offset_m))
            continue
        left = one.error_m - torch.einsum("nij,pj->npi", one.R_cam_head[:, :2], offset_m)
        found.append(triangulate_offsets(left, one.facing > VISIBLE, one.R_cam_head, PRIOR_VIEWS))
    return torch.stack(found)


def _picture_noise(left: Tensor, errors: LandmarkErrors, yaw_deg: float) -> dict[str, Tensor]:
    """Of what is left (N, 478, 2) around one yaw."""
    weight = (1 - (torch.rad2deg(errors.yaw_rad()) - yaw_deg).abs() / WIDTH_DEG).clamp(min=0)
    weight = weight / weight.sum()
    mean = torch.einsum("n,npi->pi", weight, left)
    centred = (left - mean).flatten(1)
    covariance = (centred * weight[:, None]).T @ centred
    modes, remainder = leading_modes(covariance, PICTURE_MODES)
    std = remainder.unflatten(0, (-1, 2)).square().mean(1).sqrt().clamp(min=LEAST_STD)
    return {"mean": mean, "picture": modes.unflatten(0, (-1, 2)), "std": std}


def summary(tensors: dict[str, Tensor], errors: LandmarkErrors) -> dict[str, float]:
    """Root mean squares of each part of the noise: millimetres, and per cent of the eye distance."""
    found = {"offset_mm": 1e3 * _rms(tensors["offset_m"]), "person_percent": 100 * _rms(tensors["person"].flatten(1))}
    for row, yaw in enumerate(torch.rad2deg(tensors["yaw_rad"]).round().int().tolist()):
        found[f"mean_percent_at_{yaw}"] = 100 * _rms(tensors["mean"][row])
        found[f"picture_percent_at_{yaw}"] = 100 * _rms(tensors["picture"][row].flatten(1))
        found[f"independent_percent_at_{yaw}"] = 100 * 2**0.5 * float(tensors["std"][row].square().mean().sqrt())
    raw = errors.error_m.norm(dim=-1) / errors.unit_m[:, None]
    return {"error_percent": 100 * float(raw.mean()), **{name: round(value, 3) for name, value in found.items()}}


def _rms(vectors: Tensor) -> float:
    return float(vectors.square().sum(-1).mean().sqrt())
