"""Which network goes with which head."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from shared.flame.assets import load_flame
from shared.runs.errors import UserError
from teacher.config import CompactConfig, PriorPredictConfig
from teacher.prior.networks.build import build_network
from teacher.prior.networks.weights import save_prior
from teacher.prior.prediction.tools import build_tools, network_id


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of one untrained network, for the open head and for another."""
    folder: Path = tmp_path_factory.mktemp("weights")
    config = CompactConfig(start="landmarks", size=64, widths=(8, 8, 8, 8, 8), points=32)
    network = build_network("compact", config, "crop", load_flame())
    heads = {"ours": load_flame().head_id, "other": "0123456789abcdef"}
    return {
        name: str(save_prior(folder / f"{name}.safetensors", network, "compact", config, head, {}))
        for name, head in heads.items()
    }


def options(weights: str, flip: bool = False, landmarks: bool = True) -> PriorPredictConfig:
    return PriorPredictConfig(inputs="in", out="out", weights=weights, flip=flip, landmarks=landmarks)


def test_network_of_the_open_head_sees_landmarks_and_flips(weights: dict[str, str]) -> None:
    tools = build_tools(options(weights["ours"], flip=True), torch.device("cpu"))
    assert tools.mapper is not None
    assert tools.predictor.network.size == 64
    assert tools.weights_id == network_id(tools.predictor.network)


def test_network_of_another_head_does_what_needs_no_head(weights: dict[str, str]) -> None:
    device = torch.device("cpu")
    for refused in (options(weights["other"]), options(weights["other"], flip=True, landmarks=False)):
        with pytest.raises(UserError, match="flip=false landmarks=false"):
            build_tools(refused, device)
    assert build_tools(options(weights["other"], landmarks=False), device).mapper is None


def test_wrong_head_file_is_named(weights: dict[str, str], tmp_path: Path) -> None:
    config = PriorPredictConfig(inputs="in", out="out", weights=weights["ours"], flame=str(tmp_path / "none.pkl"))
    with pytest.raises(UserError, match=r"none\.pkl"):
        build_tools(config, torch.device("cpu"))
