"""A prior network at work for a fit: loaded, matched with the head, and asked for evidence."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.face_crop import face_crop
from shared.records.tensor_record import stack
from shared.runs.errors import UserError
from teacher.config import FitRunConfig
from teacher.evidence.correspondence import at_points, in_uv_map, nearest_in_uv_map
from teacher.evidence.map_check import check_maps
from teacher.evidence.mean_head_view import FirstView, MeanHead
from teacher.evidence.records import DenseEvidence, FaceEvidence, MapCheck
from teacher.evidence.silhouette import silhouette
from teacher.fitting.initial_heads import StartHeads
from teacher.prior.geometry.charts import Charts
from teacher.prior.geometry.crops import prior_input
from teacher.prior.geometry.landmark_maps import LandmarkMapper
from teacher.prior.networks.joined import load_priors
from teacher.prior.networks.vertices import spread_vertices
from teacher.prior.networks.weights import Prior
from teacher.prior.prediction.predictor import Predictor
from teacher.prior.records import PriorInput, PriorPrediction

logger = logging.getLogger(__name__)

N_VERTICES = 1024  # looked up where the network has no points of its own

# Where vertices are in a picture: by a prediction, its crop, the mean head's view and the picture's camera.
Correspond = Callable[[PriorPrediction, Crop, FirstView, Camera], DenseEvidence]


@dataclass(frozen=True, eq=False)
class DensePrior:
    """One or several networks, and how vertices are found in what they say."""

    predictor: Predictor
    mapper: LandmarkMapper | None  # None: the network sees the picture alone, or refines
    starts: StartHeads | None  # what the network refines; None: it does not
    charts: Charts
    vertices: Tensor  # (N,) int64 vertices of the head that the evidence is of
    head: MeanHead
    correspond: Correspond

    @staticmethod
    def load(config: FitRunConfig, model: FlameModel, device: torch.device) -> DensePrior | None:
        """What ``config.prior`` names. UserError if it does not suit the head, or predicts too little.

        None for "none", and, said in the log, for "auto" where the shipped one is of another head.
        """
        if config.prior == "none":
            return None
        prior, assets = load_priors("default" if config.prior == "auto" else config.prior, device), model.assets
        if prior.head_id != assets.head_id:
            if config.prior == "auto":
                logger.warning("the shipped prior is not of the head %s: the fit rests on landmarks alone", assets.name)
                return None
            raise UserError(
                f"prior={config.prior} speaks of head {prior.head_id}, the fit's head is {assets.name!r} "
                f"({assets.head_id}): give a prior that was trained on it, or prior=none for landmarks alone"
            )
        return DensePrior.of(prior, config, model, device)

    @staticmethod
    def of(prior: Prior, config: FitRunConfig, model: FlameModel, device: torch.device) -> DensePrior:
        """Networks of the model's head. UserError if the head lacks what they need."""
        network, assets = prior.network, model.assets
        try:
            points = network.vertices
            vertices = spread_vertices(assets, min(N_VERTICES, assets.n_vertices)) if points is None else points.cpu()
            charts = Charts.of(assets, vertices)
            mapper = LandmarkMapper.of(assets) if network.sees_landmarks and not network.refines_fit else None
            return DensePrior(
                predictor=Predictor(prior, config.batch_size, False, device, assets),
                mapper=mapper,
                starts=StartHeads.of(model, vertices) if network.refines_fit else None,
                charts=charts,
                vertices=vertices,
                head=MeanHead.of(model, vertices),
                correspond=_way(prior, config, charts),
            )
        except ValueError as error:
            raise UserError(f"prior={config.prior} cannot be used: {error}") from error

    def look(self, image: np.ndarray, face: FaceEvidence) -> tuple[Crop, PriorPrediction]:
        """The prediction for one face (no leading dimension) of a picture (H, W, 3), and where its crop is."""
        ((crop, given),) = self._inputs([image], [face])
        return crop, next(iter(self.predictor.predict([given])))

    def evidence(self, images: Sequence[np.ndarray], faces: FaceEvidence) -> tuple[DenseEvidence, tuple[MapCheck, ...]]:
        """Evidence of faces, one a row, in the pixels of the pictures, and how far it can be believed.

        Args:
            images: (H, W, 3) uint8 RGB.
            faces: a row an image: landmarks in its pixels, its camera, and blendshapes if known.
        """
        each = [faces[row] for row in range(len(images))]
        inputs = self._inputs(images, each)
        rows, checks = [], []
        predictions = self.predictor.predict(given for _, given in inputs)
        for prediction, (crop, given), face in zip(predictions, inputs, each, strict=True):
            view = self.head.view(face.landmarks_px, face.camera, crop)
            found = self.correspond(prediction, crop, view, face.camera)
            found = replace(found, contour=silhouette(prediction.maps, view, crop))
            rows.append(found)
            checks.append(check_maps(prediction, given, found, self.charts, crop))
        return stack(rows), tuple(checks)

    def _inputs(self, images: Sequence[np.ndarray], faces: Sequence[FaceEvidence]) -> list[tuple[Crop, PriorInput]]:
        crops = [face_crop(face.landmarks_px, self.predictor.network.size) for face in faces]
        if self.starts is not None:
            return list(zip(crops, self.starts.inputs(faces, crops, images), strict=True))
        return [
            (crop, prior_input(image, crop, face.landmarks_px, self.mapper))
            for crop, image, face in zip(crops, images, faces, strict=True)
        ]


def _way(prior: Prior, config: FitRunConfig, charts: Charts) -> Correspond:
    """The one that ``config.correspondences`` names."""
    points = prior.network.vertices
    if config.correspondences == "points" or (config.correspondences == "auto" and points is not None):
        if points is None:
            raise UserError(f"correspondences=points: prior={config.prior} predicts none; give uv_map or nearest")
        rows = torch.arange(len(points))
        return lambda prediction, crop, _, camera: at_points(prediction, rows, crop, camera)
    if "uv" not in prior.network.predicts:
        raise UserError(f"prior={config.prior} predicts no UV: give a network that does beside it, after a comma")
    look_up = nearest_in_uv_map if config.correspondences == "nearest" else in_uv_map
    return lambda prediction, crop, view, camera: look_up(prediction.maps, charts, crop, camera, config.lookup, view)
