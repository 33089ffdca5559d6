"""Vision transformers of timm, without their classifier, with weights from the hub, a file, or none."""

from __future__ import annotations

import difflib
import logging
from pathlib import Path

import timm
from timm.models import eva, load_checkpoint, vision_transformer
from torch import nn

from shared.runtime import UserError

logger = logging.getLogger(__name__)

# DINO and DINOv2 are of the first kind, DINOv3 of the second; each with what renames the tensors of other files.
_KINDS = {
    vision_transformer.VisionTransformer: vision_transformer.checkpoint_filter_fn,
    eva.Eva: eva.checkpoint_filter_fn,
}


def create_vit(name: str) -> nn.Module:
    """A timm ViT with random weights that takes any size its patches divide. UserError if timm has no such ViT."""
    return _create(name, pretrained=False)


def pretrained_vit(name: str, pretrained: str) -> nn.Module:
    """A timm ViT to start training from; the log says where its weights come from.

    Args:
        name: of timm, such as vit_base_patch14_dinov2, vit_base_patch16_224.dino, vit_base_patch16_dinov3.
        pretrained: "hub", "none", or the path of a state dict (.safetensors, or .pth of plain tensors).

    Raises:
        UserError: no such ViT, or the weights cannot be had.
    """
    if pretrained == "none":
        logger.info("backbone %s starts from scratch", name)
        return create_vit(name)
    if pretrained == "hub":
        network = _create(name, pretrained=True)
        logger.info("backbone %s starts from the weights of timm's hub", name)
        return network
    network = create_vit(name)
    _load_file(network, Path(pretrained), name)
    logger.info("backbone %s starts from the weights in %s", name, pretrained)
    return network


def _create(name: str, pretrained: bool) -> nn.Module:
    if not timm.is_model(name):
        near = difflib.get_close_matches(name.split(".")[0], timm.list_models("*vit*"), 3)
        raise UserError(f"backbone={name}: timm has no such network; near: {', '.join(near) or 'none'}")
    try:
        network = timm.create_model(name, pretrained=pretrained, num_classes=0, dynamic_img_size=True)
    except TypeError as error:
        raise UserError(f"backbone={name} is no ViT that takes any size; take vit_base_patch14_dinov2") from error
    except Exception as error:  # the hub raises what its HTTP library raises
        raise UserError(
            f"backbone={name}: {type(error).__name__}: {str(error).splitlines()[0]}"
            + ("; without a network give pretrained=none or the path of a weight file" if pretrained else "")
        ) from error
    if type(network) not in _KINDS:
        raise UserError(f"backbone={name} is a {type(network).__name__}, no ViT; take vit_base_patch14_dinov2")
    return network


def _load_file(network: nn.Module, path: Path, name: str) -> None:
    if not path.is_file():
        raise UserError(f"pretrained={path} is no file; give hub, none, or the path of a weight file")
    try:
        found = load_checkpoint(network, str(path), strict=False, filter_fn=_KINDS[type(network)], weights_only=True)
    except Exception as error:  # a damaged or foreign file fails in many ways
        raise UserError(
            f"pretrained={path} does not hold weights of {name} ({type(error).__name__}: {error})"
        ) from error
    if found.missing_keys:
        raise UserError(
            f"pretrained={path} lacks {len(found.missing_keys)} tensors of {name}: {', '.join(found.missing_keys[:3])}"
        )
    if found.unexpected_keys:
        logger.info("%s also holds what is not used: %s", path, ", ".join(found.unexpected_keys))
