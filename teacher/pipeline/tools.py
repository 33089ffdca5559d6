"""Loading: head model, fitter, prior, detector. Built once a process, replaced in tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.flame.schema import LandmarkEmbedding
from shared.images.faces import FaceDetector
from shared.quality.metrics import HeadMetrics
from shared.runs.errors import UserError
from teacher.config import FitRunConfig
from teacher.evidence.vertex_noise import load_noise
from teacher.fitting.fitter import HeadFitter
from teacher.fitting.focal import FocalSearch
from teacher.fitting.protocol import Fitter
from teacher.identity.protocol import IdentitySource
from teacher.identity.source import find_identity
from teacher.pipeline.dense_prior import DensePrior
from teacher.prior.prediction.tools import network_id
from teacher.quality.part_confidence import PartConfidence


@dataclass(frozen=True, eq=False)
class Tools:
    """What turns pictures into fits."""

    model: FlameModel
    fitter: Fitter
    prior: DensePrior | None  # None: landmarks are all that is seen
    metrics: HeadMetrics  # of the model
    parts: PartConfidence
    detector: Callable[[], FaceDetector]  # a new one, for one thread
    device: torch.device
    focal: FocalSearch | None = None  # None: unknown focal lengths stay what they are assumed to be
    identity: IdentitySource | None = None  # None: the mean head is expected

    @cached_property
    def landmarks(self) -> tuple[Tensor, LandmarkEmbedding]:
        """MediaPipe's landmarks that the head has (P,), and where they are on it; on the CPU."""
        return mediapipe_embedding(self.model.assets.to(torch.device("cpu")))

    @cached_property
    def faces(self) -> Tensor:
        """(F, 3) triangles of the head, on the CPU."""
        return self.model.assets.faces.cpu()


def build_tools(config: FitRunConfig, device: torch.device) -> Tools:
    """Load the head and the prior, and prepare the fitter. UserError if one of them cannot be used.

    Where all faces are wanted, the detector also looks for small ones beside large ones, which takes longer.
    """
    from shared.landmarker.search import FaceLandmarker

    try:
        model = FlameModel(load_flame(config.flame)).to(device)
        prior = DensePrior.load(config, model, device)
        vertices = None if prior is None else prior.vertices.to(device)
        noise = None if vertices is None else load_noise(config.prior, model, vertices)
        identity = _identity(config, prior, model, device)
        shape, expression = (None, None) if identity is None else (identity.directions, identity.expression_directions)
        fitter = HeadFitter(model, config.fit, vertices, noise, directions=shape, expression_directions=expression)
    except ValueError as error:
        raise UserError(f"flame={config.flame}: {error}") from error
    detector = partial(FaceLandmarker, stills=config.stills, thorough=config.faces == "all")
    focal = FocalSearch(fitter, config.focal) if config.focal.estimate else None
    return Tools(
        model,
        fitter,
        prior,
        HeadMetrics.of(model),
        PartConfidence.of(model, vertices),
        detector,
        device,
        focal,
        identity,
    )


def _identity(
    config: FitRunConfig, prior: DensePrior | None, model: FlameModel, device: torch.device
) -> IdentitySource | None:
    """What ``config.identity`` names. Our networks are trained behind the points of one prior."""
    sees_points = prior is not None and config.correspondences in ("auto", "points")
    prior_id = network_id(prior.predictor.network) if prior is not None and sees_points else None
    return find_identity(config.identity, prior_id, model.assets.to(torch.device("cpu")), device)
