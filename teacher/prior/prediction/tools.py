"""The heavy objects of a prediction run: network, head, detector. Built once, replaced in tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.schema import FlameAssets
from shared.images.faces import FaceDetector
from shared.runs.errors import UserError
from teacher.config import PriorPredictConfig
from teacher.fitting.initial_heads import StartHeads
from teacher.prior.geometry.landmark_maps import LandmarkMapper
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.networks.weights import Prior, load_prior
from teacher.prior.prediction.predictor import Predictor


@dataclass(frozen=True, eq=False)
class PredictTools:
    """What turns pictures into maps."""

    predictor: Predictor
    mapper: LandmarkMapper | None  # None where the network cannot use landmarks, or refines fits to them
    detector: Callable[[], FaceDetector]
    weights_id: str  # distinguishes networks
    starts: StartHeads | None = None  # what the network refines; None: it does not


def build_tools(config: PriorPredictConfig, device: torch.device) -> PredictTools:
    """Load what the options name. UserError if the network cannot be used, or not with this head."""
    from shared.landmarker.search import FaceLandmarker

    prior = load_prior(config.weights, device)
    assets = _head(prior, config)
    needed = prior.network.sees_landmarks and config.landmarks
    return PredictTools(
        predictor=Predictor(prior, config.batch_size, config.flip, device, assets),
        mapper=None if prior.network.refines_fit else _mapper(assets, needed),
        starts=_starts(prior.network, assets) if prior.network.refines_fit and needed else None,
        detector=partial(FaceLandmarker, stills=config.stills, thorough=config.faces == "all"),
        weights_id=network_id(prior.network),
    )


def network_id(network: PriorNetwork) -> str:
    """First 16 hex digits of the SHA-256 of its weights."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _head(prior: Prior, config: PriorPredictConfig) -> FlameAssets | None:
    """The head that the network was trained on; None if it is not at hand, which only some networks can do without."""
    assets = load_flame(config.flame)
    if assets.head_id == prior.head_id:
        return assets
    if config.flame is not None or config.flip or (prior.network.sees_landmarks and config.landmarks):
        raise UserError(
            f"weights={config.weights} speak of head {prior.head_id}, this is {assets.name} ({assets.head_id}): give "
            "that head's file as flame=, or go without it by flip=false landmarks=false"
        )
    return None


def _starts(network: PriorNetwork, assets: FlameAssets | None) -> StartHeads | None:
    if assets is None or network.vertices is None:
        return None
    return StartHeads.of(FlameModel(assets), network.vertices)


def _mapper(assets: FlameAssets | None, needed: bool) -> LandmarkMapper | None:
    if assets is None:
        return None
    try:
        return LandmarkMapper.of(assets)
    except ValueError as error:
        if needed:
            raise UserError(f"{error}: go without them by landmarks=false") from error
        return None
