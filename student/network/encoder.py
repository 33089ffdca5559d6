"""The encoder of the student's crops: any small timm network, or the shipped prior's, which knows geometry already."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from shared.assets import asset_path
from shared.networks.backbones import create_backbone, pretrained_backbone
from shared.networks.weight_files import PRIOR_SCHEMA
from shared.records.tensor_files import TensorFileError, read_tensors
from shared.runs.errors import UserError
from student.config import StudentNetworkConfig

_PRIOR = asset_path("prior_compact.safetensors")
_PREFIX = "backbone."


def build_encoder(config: StudentNetworkConfig) -> nn.Module | None:
    """The encoder of the options with random weights; None for a network of landmarks alone."""
    return None if config.backbone == "none" else create_backbone(config.backbone, 3)


def pretrained_encoder(config: StudentNetworkConfig) -> nn.Module | None:
    """The same to start training from. UserError if its weights cannot be had."""
    if config.backbone == "none":
        return None
    if config.pretrained != "prior":
        return pretrained_backbone(config.backbone, config.pretrained, 3)
    return encoder_of_prior(config.backbone, _PRIOR)


def encoder_of_prior(name: str, path: Path) -> nn.Module:
    """The encoder of a compact prior's weight file, without the channels for landmarks' maps.

    UserError if the file cannot be read or its encoder is not the timm network ``name``.
    """
    try:
        tensors, header = read_tensors(path, PRIOR_SCHEMA)
    except TensorFileError as error:
        raise UserError(f"network.pretrained=prior: {error}") from error
    theirs = header["network"].get("backbone")
    if theirs != name:
        raise UserError(
            f"network.pretrained=prior: {path.name} holds a {theirs}, not network.backbone={name}; "
            f"give network.backbone={theirs}, or another network.pretrained"
        )
    encoder = create_backbone(name, 3)
    state = encoder.state_dict()
    for key in state:
        tensor = tensors[_PREFIX + key].to(state[key].dtype)
        state[key] = tensor[:, : state[key].shape[1]] if tensor.ndim == 4 else tensor
    encoder.load_state_dict(state)
    return encoder
