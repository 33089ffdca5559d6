"""Pictures with detected landmarks, and the true heads behind them, for the measurement of a landmarker."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from shared.evaluate.real_heads import Part, real_heads
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.images.faces import FaceDetector
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.records.tensor_record import stack
from shared.synthetic.storage.shards import StoredPortraits
from teacher.landmark_errors.measurement import LandmarkErrors, compare
from teacher.registration.true_heads import person_and_state, register_people

logger = logging.getLogger(__name__)


def real_people(
    model: FlameModel, root: Path, part: Part, detector: FaceDetector
) -> tuple[LandmarkErrors, FlameParams, Tensor]:
    """Of a folder of real heads (docs/benchmark.md): errors, true parameters, and blendshapes (N, 52).

    The head is registered to the scans of each person, with the face at rest where the scan is.
    """
    pictures = real_heads(root, part)
    heads = register_people(model, pictures)
    people = list(dict.fromkeys(person_and_state(id)[0] for id in pictures.ids))
    errors, params, blendshapes = [], [], []
    for index, id in enumerate(tqdm(pictures.ids, desc="measuring", unit="picture", dynamic_ncols=True)):
        item = pictures.item(index)
        found = detector.detect(item.image)
        if not found or item.camera is None:
            logger.warning("%s: no face was found", id)
            continue
        landmarks = torch.from_numpy(np.asarray(found[0].landmarks_px, np.float32))
        number = people.index(person_and_state(id)[0])
        errors.append(compare(model, heads.of(id), item.camera, landmarks, number))
        params.append(heads.of(id))
        blendshapes.append(_coefficients(found[0].blendshapes))
    return stack(errors), stack(params), torch.stack(blendshapes)


def portraits(
    model: FlameModel, stored: StoredPortraits, detector: FaceDetector
) -> tuple[LandmarkErrors, FlameParams, Tensor]:
    """The same of rendered portraits of this head, each another person."""
    errors, params, blendshapes = [], [], []
    for index in tqdm(range(len(stored)), desc="measuring", unit="portrait", dynamic_ncols=True):
        portrait = stored[index]
        found = detector.detect(portrait.image)
        if not found:
            continue
        truth = portrait.truth
        landmarks = torch.from_numpy(np.asarray(found[0].landmarks_px, np.float32))
        if (landmarks - truth.landmarks_px).norm(dim=1).median() > _another_face(truth.landmarks_px):
            continue
        errors.append(compare(model, truth.params, truth.camera, landmarks, index))
        params.append(truth.params)
        blendshapes.append(_coefficients(found[0].blendshapes))
    return stack(errors), stack(params), torch.stack(blendshapes)


def _another_face(landmarks_px: Tensor) -> float:
    """Pixels: half of the face's size."""
    return float((landmarks_px.amax(0) - landmarks_px.amin(0)).max()) / 2


def _coefficients(found: np.ndarray | None) -> Tensor:
    return torch.full((N_BLENDSHAPES,), torch.nan) if found is None else torch.from_numpy(np.asarray(found, np.float32))
