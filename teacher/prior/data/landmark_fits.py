"""Heads fitted to the landmarks of stored portraits: what a network that refines such fits is shown in training."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from shared.flame.blendshape_response import response_of
from shared.flame.landmark_noise import LandmarkNoise, both_sides
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.records.tensor_files import TensorFileError, read_tensors, write_tensors
from shared.records.tensor_record import concatenate, stack
from shared.synthetic.own_face import is_own_face
from shared.synthetic.storage.shards import StoredPortraits
from teacher.config import FitConfig
from teacher.energy.blendshapes import BlendshapeEvidence
from teacher.evidence.records import FaceEvidence
from teacher.fitting.fitter import HeadFitter
from teacher.landmark_errors.blendshapes import measure_response
from teacher.landmark_errors.measurement import compare, measure

SCHEMA = "pixel3dmm-distill/landmark-fits/2"
FILE = "landmark_fits.safetensors"
_BATCH = 64
_MEASURED = 800  # portraits on which the landmarker is measured
_FOCAL_SPREAD = 0.2  # standard deviation of the log focal length that is given to a fit: of photos it is an assumption


@dataclass(frozen=True, eq=False)
class LandmarkFits:
    """One fit a portrait; those of portraits without detected landmarks say nothing."""

    params: FlameParams  # (N)
    focal_px: Tensor  # (N, 2) that the fit was given
    found: Tensor  # (N,) bool

    def of(self, index: int, camera: Camera) -> tuple[FlameParams, Camera] | None:
        """The head of portrait ``index``, and its camera with the focal length of the fit."""
        if not bool(self.found[index]):
            return None
        return self.params[index], replace(camera, focal_px=self.focal_px[index])


def landmark_fits(folder: Path, portraits: StoredPortraits, model: FlameModel) -> LandmarkFits:
    """Those kept in the portraits' folder, if they are of these portraits and this head; else made now and kept."""
    made = {"schema": SCHEMA, "head_id": model.assets.head_id, "count": len(portraits)}
    try:
        tensors, header = read_tensors(folder / FILE, SCHEMA)
    except TensorFileError:
        tensors, header = {}, {}
    if {name: header.get(name) for name in made} != made:
        fits = fit_landmarks(portraits, model)
        tensors = {field.name: getattr(fits.params, field.name).contiguous() for field in fields(FlameParams)}
        tensors |= {"focal_px": fits.focal_px, "found": fits.found}
        write_tensors(folder / FILE, tensors, made)
    focal_px, found = tensors.pop("focal_px"), tensors.pop("found")
    return LandmarkFits(FlameParams(**tensors), focal_px, found)


def fit_landmarks(portraits: StoredPortraits, model: FlameModel) -> LandmarkFits:
    """Fit all portraits, each with a focal length that is some way off.

    The landmarker does not err on portraits as it does on people. These are fitted with the noise that it has here, so
    that the network is not taught to mend errors that only fits to portraits have.
    """
    noise, units = _noise_on(portraits, model)
    fitter = HeadFitter(model, FitConfig(), landmark_noise=noise, units=units)
    rows: list[FlameParams] = []
    focal_px, found = [], []
    generator = torch.Generator().manual_seed(0)
    places = [(shard, row) for shard in portraits.shards for row in range(len(shard))]
    for start in tqdm(range(0, len(places), _BATCH), desc="fitting landmarks", unit="batch", dynamic_ncols=True):
        evidence = []
        for shard, row in places[start : start + _BATCH]:
            detection, camera = shard.detection(row), shard.cameras[row]
            factor = math.exp(_FOCAL_SPREAD * float(torch.randn((), generator=generator)))
            focal_px.append(camera.focal_px * factor)
            found.append(detection is not None)
            if detection is not None:
                evidence.append(
                    FaceEvidence(
                        detection.landmarks_px,
                        replace(camera, focal_px=focal_px[-1]),
                        blendshapes=detection.blendshapes,
                    )
                )
        if evidence:
            with torch.no_grad():
                fitted = fitter.fit(stack(evidence)).params
            places_of = (torch.tensor(found[start:]).cumsum(0) - 1).clamp_min(
                0
            )  # a row that was not fitted is not read
            rows.append(fitted[places_of])
        else:
            rows.append(model.neutral_params(len(found) - start))
    return LandmarkFits(concatenate(rows), torch.stack(focal_px), torch.tensor(found))


def _noise_on(portraits: StoredPortraits, model: FlameModel) -> tuple[LandmarkNoise, BlendshapeEvidence]:
    """Of the landmarks that the head knows, and of the blendshapes, on some of the portraits."""
    errors, params, blendshapes = [], [], []
    number = 0
    for shard in portraits.shards:
        for row in range(len(shard)):
            detection, camera, number = shard.detection(row), shard.cameras[row], number + 1
            if detection is None or not bool(is_own_face(detection.landmarks_px, shard.tensors["landmarks_px"][row])):
                continue
            errors.append(compare(model, shard.params[row], camera, detection.landmarks_px, number))
            params.append(shard.params[row])
            blendshapes.append(detection.blendshapes)
        if len(errors) >= _MEASURED:
            break
    measured = stack(errors)
    tensors = measure(measured)
    tensors |= measure_response(model, stack(params), torch.stack(blendshapes), measured.yaw_rad())
    noise = both_sides({name: value.float() for name, value in tensors.items()})
    known, _ = mediapipe_embedding(model.assets)
    return noise.points(known), BlendshapeEvidence.measured(model, response_of(tensors))
