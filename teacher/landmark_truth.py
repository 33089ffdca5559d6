"""Pictures with detected landmarks, and the true heads behind them, for the measurement of a landmarker."""

from __future__ import annotations

import logging
from collections import defaultdict
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
from shared.records import stack
from shared.synthetic.shards import StoredPortraits
from teacher.landmark_measurement import LandmarkErrors, compare
from teacher.registration import Scan, landmark_offsets, register_scans

logger = logging.getLogger(__name__)


def real_people(
    model: FlameModel, root: Path, part: Part, detector: FaceDetector
) -> tuple[LandmarkErrors, FlameParams, Tensor]:
    """Of a folder of real heads (docs/benchmark.md): errors, true parameters, and blendshapes (N, 52).

    The head is registered to the scans of each person, with the face at rest where the scan is.
    """
    pictures = real_heads(root, part)
    people: dict[str, list[int]] = defaultdict(list)
    for index, id in enumerate(pictures.ids):
        people[id.split("/")[0]].append(index)
    scans: dict[str, dict[int, Scan]] = {}
    for person, rows in people.items():
        scans[person] = {}
        for index in rows:
            state = _state(pictures.ids[index])
            if state not in scans[person]:
                face = pictures.item(index).truth.posed
                assert face.ibug68_m is not None
                scans[person][state] = Scan(face.points_m.float(), face.normals.float(), face.ibug68_m.float())
    offset_m = landmark_offsets(model, [known[0] for known in scans.values()])
    errors, params, blendshapes = [], [], []
    for number, (person, rows) in enumerate(tqdm(people.items(), desc="measuring", unit="person", dynamic_ncols=True)):
        states = sorted(scans[person])
        heads = register_scans(model, [scans[person][state] for state in states], [states.index(0)], offset_m)
        for index in rows:
            item = pictures.item(index)
            found = detector.detect(item.image)
            if not found or item.camera is None:
                logger.warning("%s: no face was found", pictures.ids[index])
                continue
            head = heads[states.index(_state(pictures.ids[index]))]
            landmarks = torch.from_numpy(np.asarray(found[0].landmarks_px, np.float32))
            errors.append(compare(model, head, item.camera, landmarks, number))
            params.append(head)
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


def _state(id: str) -> int:
    """Of "PERSON/STATE_VIEW"."""
    return int(id.split("/")[1].split("_")[0])


def _another_face(landmarks_px: Tensor) -> float:
    """Pixels: half of the face's size."""
    return float((landmarks_px.amax(0) - landmarks_px.amin(0)).max()) / 2


def _coefficients(found: np.ndarray | None) -> Tensor:
    return torch.full((N_BLENDSHAPES,), torch.nan) if found is None else torch.from_numpy(np.asarray(found, np.float32))
